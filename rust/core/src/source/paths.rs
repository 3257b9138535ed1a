//! [`expand`]: the files that paths and globs name.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use glob::{Pattern, PatternError};

use crate::error::{Error, Result};

/// What makes a path a glob, if there is no file of that name.
const SPECIAL: [char; 3] = ['*', '?', '['];

/// Paths, globs expanded.
///
/// # Errors
/// [`Error::Argument`] for what is no glob, and for matching names that are not UTF-8; [`Error::Io`] if nothing
/// matches, or a directory cannot be read.
pub(crate) fn expand(paths: &[String]) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for path in paths {
        match path.contains(SPECIAL) && !Path::new(path).exists() {
            true => expanded.append(&mut matching(path)?),
            false => expanded.push(path.clone()),
        }
    }
    match expanded.is_empty() {
        true => Err(Error::argument("there is no file to read: the list is empty")),
        false => Ok(expanded),
    }
}

/// The paths that match a glob, in order.
fn matching(glob: &str) -> Result<Vec<String>> {
    let no_glob = |error: PatternError| Error::argument(format!("{glob:?} is not a glob: {error}"));
    Pattern::new(glob).map_err(no_glob)?;
    let mut parts: Vec<&str> = glob.split('/').filter(|part| !part.is_empty()).collect();
    parts.dedup_by(|part, before| *part == "**" && before == part);
    let parts = parts.into_iter().map(Part::new).collect::<Result<Vec<_>, _>>().map_err(no_glob)?;
    let mut found = Vec::new();
    walk(Path::new(if glob.starts_with('/') { "/" } else { "" }), &parts, &mut found)?;
    let mut found = found.into_iter().map(utf8).collect::<Result<Vec<_>>>()?;
    if found.is_empty() {
        let errno = rustix::io::Errno::NOENT.raw_os_error();
        return Err(Error::Io { errno: Some(errno), message: "No file matches".into(), path: glob.to_owned() });
    }
    found.sort();
    Ok(found)
}

/// The part of a glob between two slashes.
enum Part<'a> {
    Name(&'a str),
    Any(Pattern),
    /// `**`: directories however deep, or none.
    Deep,
}

impl<'a> Part<'a> {
    fn new(text: &'a str) -> Result<Self, PatternError> {
        Ok(match text {
            "**" => Self::Deep,
            _ if text.contains(SPECIAL) => Self::Any(Pattern::new(text)?),
            _ => Self::Name(text),
        })
    }
}

/// Finds what is below a directory and matches all parts.
fn walk(at: &Path, parts: &[Part<'_>], found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        found.push(at.to_owned());
        return Ok(());
    };
    match part {
        Part::Name(name) => {
            let next = at.join(name);
            if next.exists() { walk(&next, rest, found) } else { Ok(()) }
        }
        Part::Any(pattern) => {
            // A name that is not UTF-8 matches as it is shown, so that it is not passed over.
            let matches = |entry: &DirEntry| pattern.matches(&entry.file_name().to_string_lossy());
            entries(at)?
                .iter()
                .filter(|entry| matches(entry))
                .try_for_each(|entry| walk(&at.join(entry.file_name()), rest, found))
        }
        Part::Deep => {
            walk(at, rest, found)?;
            // Links are not followed: they may lead back.
            let is_deeper = |entry: &&DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            entries(at)?
                .iter()
                .filter(is_deeper)
                .try_for_each(|entry| walk(&at.join(entry.file_name()), parts, found))
        }
    }
}

/// What is in a directory; nothing if it is none.
fn entries(at: &Path) -> Result<Vec<DirEntry>> {
    let dir = if at == Path::new("") { Path::new(".") } else { at };
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let read = dir.read_dir().and_then(Iterator::collect);
    read.map_err(|error| Error::io(&error, dir.to_string_lossy()))
}

fn utf8(path: PathBuf) -> Result<String> {
    path.into_os_string().into_string().map_err(|path| {
        Error::argument(format!(
            "{path:?}: the name of the file is not UTF-8; rename it, or pass a binary file object, open(path, \"rb\")"
        ))
    })
}

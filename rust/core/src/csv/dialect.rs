//! [`Dialect`]: which bytes have a meaning in the text.

use crate::error::{Error, Result};

/// Which bytes separate, quote and comment out. Lines end in `\n` or `\r\n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    delimiter: u8,
    quote: Option<u8>,
    comment: Option<u8>,
}

impl Default for Dialect {
    /// Commas, double quotes, no comments.
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), comment: None }
    }
}

impl Dialect {
    /// A dialect of these bytes; without a quote or a comment where they are `None`.
    ///
    /// # Errors
    /// [`Error::Argument`] if two of them are equal, or one of them is no ASCII or ends a line.
    pub fn new(delimiter: u8, quote: Option<u8>, comment: Option<u8>) -> Result<Self> {
        let named = [("delimiter", Some(delimiter)), ("quote", quote), ("comment", comment)];
        for (i, &(name, byte)) in named.iter().enumerate() {
            let Some(byte) = byte else { continue };
            if !byte.is_ascii() || matches!(byte, b'\n' | b'\r' | 0) {
                return Err(Error::argument(format!(
                    "{name} must be one ASCII character that does not end a line, not {:?}",
                    char::from(byte)
                )));
            }
            if let Some((other, _)) = named[..i].iter().find(|(_, earlier)| *earlier == Some(byte)) {
                return Err(Error::argument(format!("{other} and {name} are both {:?}", char::from(byte))));
            }
        }
        Ok(Self { delimiter, quote, comment })
    }

    /// The byte between fields.
    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The byte around fields that hold other bytes of the dialect.
    pub fn quote(&self) -> Option<u8> {
        self.quote
    }

    /// The byte at the start of lines that are no rows.
    pub fn comment(&self) -> Option<u8> {
        self.comment
    }

    /// Whether the byte quotes.
    pub(crate) fn is_quote(&self, byte: u8) -> bool {
        self.quote == Some(byte)
    }

    /// Whether the byte, at the start of a line, makes it a comment.
    pub(crate) fn is_comment(&self, byte: u8) -> bool {
        self.comment == Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_must_differ() {
        assert!(Dialect::new(b',', Some(b','), None).is_err());
        assert!(Dialect::new(b'#', None, Some(b'#')).is_err());
        assert!(Dialect::new(b'\n', None, None).is_err());
        assert!(Dialect::new(b'\t', None, Some(b'#')).is_ok());
    }
}

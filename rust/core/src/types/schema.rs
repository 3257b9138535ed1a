//! [`Field`] and [`Schema`]: what the columns of a batch or stream hold.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow_schema::{Field as ArrowField, Schema as ArrowSchema};
use serde::{Deserialize, Serialize};

use super::DataType;
use crate::error::{Error, Result, nearest};

/// A named type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// The column's name.
    pub name: Arc<str>,
    /// The column's type.
    pub dtype: DataType,
}

impl Field {
    /// A field of this name and type.
    pub fn new(name: impl Into<Arc<str>>, dtype: DataType) -> Self {
        Self { name: name.into(), dtype }
    }

    pub(super) fn to_arrow(&self) -> ArrowField {
        ArrowField::new(self.name.as_ref(), self.dtype.to_arrow(), true)
    }

    pub(super) fn from_arrow(field: &ArrowField) -> Option<Self> {
        Some(Self::new(field.name().as_str(), DataType::from_arrow(field.data_type())?))
    }
}

/// The first name that is there a second time.
pub(crate) fn twice<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.find(|name| !seen.insert(*name))
}

/// The columns of a batch or stream, in order. Names are unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schema {
    fields: Vec<Field>,
    #[serde(skip)]
    places: Places,
}

/// Where the columns of a wide schema are, by name; worked out when somebody asks. It says nothing that the fields do
/// not, and so is the same for all.
#[derive(Clone, Debug, Default)]
struct Places(OnceLock<HashMap<Arc<str>, usize>>);

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Places {}

impl Hash for Places {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Up to so many columns, looking at each is faster than a table.
const NARROW: usize = 16;

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields.iter().map(|field| format!("{}: {}", field.name, field.dtype)).collect();
        f.write_str(&fields.join(", "))
    }
}

impl Schema {
    /// A schema of these fields.
    ///
    /// # Errors
    /// If a name is given twice.
    pub fn new(fields: Vec<Field>) -> Result<Self> {
        match twice(fields.iter().map(|field| &*field.name)) {
            Some(name) => {
                Err(Error::argument(format!("there are two columns named {name:?}; name one of them otherwise")))
            }
            None => Ok(Self { fields, places: Places::default() }),
        }
    }

    /// The fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Of its fields those that are needed, and the event time: their places, and the schema that they make.
    pub(crate) fn narrowed(&self, needed: &HashSet<String>, time: Option<usize>) -> (Vec<usize>, Self) {
        let is_kept = |at: &usize| time == Some(*at) || needed.contains(&*self.fields[*at].name);
        let kept: Vec<usize> = (0..self.len()).filter(is_kept).collect();
        let fields = kept.iter().map(|&at| self.fields[at].clone()).collect();
        (kept, Self::new(fields).expect("names of one schema are unique"))
    }

    /// The place of the column of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        if self.fields.len() <= NARROW {
            return self.fields.iter().position(|field| &*field.name == name);
        }
        let named = || self.fields.iter().enumerate().map(|(at, field)| (Arc::clone(&field.name), at)).collect();
        self.places.0.get_or_init(named).get(name).copied()
    }

    /// The place of the column of this name.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`], which lists the names there are.
    pub fn index(&self, name: &str) -> Result<usize> {
        self.find(name).ok_or_else(|| Error::ColumnNotFound {
            column: name.into(),
            known: self.fields.iter().map(|field| field.name.to_string()).collect(),
        })
    }

    /// Refuses another schema, but for text that is or is not categorical.
    ///
    /// # Errors
    /// [`unlike`](Self::unlike).
    pub fn check(&self, found: &Self) -> Result<()> {
        let is_text = |field: &Field| field.dtype.is_text();
        let fits = |(a, b): (&Field, &Field)| a == b || a.name == b.name && is_text(a) && is_text(b);
        match self.len() == found.len() && self.fields.iter().zip(&found.fields).all(fits) {
            true => Ok(()),
            false => Err(self.unlike(found)),
        }
    }

    /// The error for columns that are not these.
    pub fn unlike(&self, found: &Self) -> Error {
        let missing: Vec<String> = self.lacking(found).collect();
        let near = found.lacking(self).find_map(|name| Some((nearest(&name, &missing)?.to_owned(), name)));
        let meant = near.map_or(String::new(), |(meant, name)| format!("; did you mean {meant:?} by {name:?}?"));
        Error::argument(format!("the columns are {found} instead of {self}{meant}"))
    }

    /// The names of columns that another schema lacks.
    fn lacking<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = String> + 'a {
        self.fields.iter().filter(|field| other.find(&field.name).is_none()).map(|field| field.name.to_string())
    }

    /// The Arrow schema in which batches of this schema leave rillet.
    pub fn to_arrow(&self) -> ArrowSchema {
        ArrowSchema::new(self.fields.iter().map(Field::to_arrow).collect::<Vec<_>>())
    }

    /// The schema of Arrow data.
    ///
    /// # Errors
    /// [`Error::Schema`] if a column has a type that rillet does not take, or two have one name.
    pub fn from_arrow(arrow: &ArrowSchema) -> Result<Self> {
        let field = |field: &Arc<ArrowField>| {
            Field::from_arrow(field).ok_or_else(|| Error::Schema {
                column: field.name().clone(),
                dtype: field.data_type().to_string(),
                message: "rillet does not take columns of this Arrow type; cast or drop the column".into(),
            })
        };
        Self::new(arrow.fields().iter().map(field).collect::<Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_however_many_there_are() {
        for width in [1, NARROW, NARROW + 1, 1000] {
            let field = |at| Field::new(format!("c{at}"), DataType::Bool);
            let schema = Schema::new((0..width).map(field).collect()).expect("names differ");
            assert!((0..width).all(|at| schema.find(&format!("c{at}")) == Some(at)));
            assert_eq!(schema.find("c"), None);
            assert_eq!(schema, Schema::new(schema.fields().to_vec()).expect("the same"));
        }
    }

    #[test]
    fn a_name_given_twice_is_an_error() {
        let twice = vec![Field::new("a", DataType::Bool), Field::new("a", DataType::Bool)];
        assert!(Schema::new(twice).is_err());
    }
}

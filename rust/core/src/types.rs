//! What a column may hold: [`DataType`]; and what columns there are: [`Field`] and [`Schema`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_schema::{DataType as Arrow, Field as ArrowField};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::zone::Zone;

mod schema;

pub(crate) use schema::twice;
pub use schema::{Field, Schema};

/// The unit of a time, a timestamp or a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

impl TimeUnit {
    /// How many ticks of this unit make a second.
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Milli => 1_000,
            Self::Micro => 1_000_000,
            Self::Nano => 1_000_000_000,
        }
    }

    /// The usual short name: `s`, `ms`, `us` or `ns`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Milli => "ms",
            Self::Micro => "us",
            Self::Nano => "ns",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Second, Self::Milli, Self::Micro, Self::Nano].into_iter().find(|unit| unit.name() == text)
    }
}

impl From<arrow_schema::TimeUnit> for TimeUnit {
    fn from(unit: arrow_schema::TimeUnit) -> Self {
        match unit {
            arrow_schema::TimeUnit::Second => Self::Second,
            arrow_schema::TimeUnit::Millisecond => Self::Milli,
            arrow_schema::TimeUnit::Microsecond => Self::Micro,
            arrow_schema::TimeUnit::Nanosecond => Self::Nano,
        }
    }
}

impl From<TimeUnit> for arrow_schema::TimeUnit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Milli => Self::Millisecond,
            TimeUnit::Micro => Self::Microsecond,
            TimeUnit::Nano => Self::Nanosecond,
        }
    }
}

/// The type of a column. `Display` and `FromStr` use the names that users write, such as
/// `timestamp[us, UTC]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DataType {
    /// Every value is null.
    Null,
    /// True or false.
    Bool,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// IEEE 754 single.
    Float32,
    /// IEEE 754 double.
    Float64,
    /// Exact decimal of 128 bits: precision and scale.
    Decimal(u8, i8),
    /// UTF-8 text, however it is represented (plain, view, dictionary).
    Text,
    /// Text whose codes are stable over the whole stream, with at most so many categories.
    Categorical(u32),
    /// Bytes.
    Binary,
    /// Days since 1970-01-01.
    Date,
    /// Time of day.
    Time(TimeUnit),
    /// Instant (with a zone) or wall time (without one), in ticks since 1970.
    Timestamp(TimeUnit, Option<Arc<str>>),
    /// Length of time.
    Duration(TimeUnit),
    /// List of any length.
    List(Box<DataType>),
    /// List of a fixed length.
    FixedList(Box<DataType>, i32),
    /// Named fields.
    Struct(Vec<Field>),
}

impl DataType {
    /// Whether it is an integer of any width.
    pub fn is_integer(&self) -> bool {
        self.is_signed() || self.is_unsigned()
    }

    /// Whether it is an integer with a sign.
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// Whether it is an integer without a sign.
    pub fn is_unsigned(&self) -> bool {
        matches!(self, Self::UInt8 | Self::UInt16 | Self::UInt32 | Self::UInt64)
    }

    /// Whether it is a floating-point number.
    pub fn is_float(&self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    /// Whether arithmetic makes sense on it.
    pub fn is_number(&self) -> bool {
        self.is_integer() || self.is_float()
    }

    /// Whether it is text, categorical or not.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Categorical(_))
    }

    /// The Arrow type in which columns of this type leave rillet.
    pub fn to_arrow(&self) -> Arrow {
        match self {
            Self::Null => Arrow::Null,
            Self::Bool => Arrow::Boolean,
            Self::Int8 => Arrow::Int8,
            Self::Int16 => Arrow::Int16,
            Self::Int32 => Arrow::Int32,
            Self::Int64 => Arrow::Int64,
            Self::UInt8 => Arrow::UInt8,
            Self::UInt16 => Arrow::UInt16,
            Self::UInt32 => Arrow::UInt32,
            Self::UInt64 => Arrow::UInt64,
            Self::Float32 => Arrow::Float32,
            Self::Float64 => Arrow::Float64,
            Self::Decimal(precision, scale) => Arrow::Decimal128(*precision, *scale),
            Self::Text => Arrow::Utf8,
            Self::Categorical(_) => Arrow::Dictionary(Box::new(Arrow::Int32), Box::new(Arrow::Utf8)),
            Self::Binary => Arrow::Binary,
            Self::Date => Arrow::Date32,
            Self::Time(unit @ (TimeUnit::Second | TimeUnit::Milli)) => Arrow::Time32((*unit).into()),
            Self::Time(unit) => Arrow::Time64((*unit).into()),
            Self::Timestamp(unit, zone) => Arrow::Timestamp((*unit).into(), zone.clone()),
            Self::Duration(unit) => Arrow::Duration((*unit).into()),
            Self::List(item) => Arrow::List(Arc::new(item_field(item))),
            Self::FixedList(item, n) => Arrow::FixedSizeList(Arc::new(item_field(item)), *n),
            Self::Struct(fields) => Arrow::Struct(fields.iter().map(Field::to_arrow).collect()),
        }
    }

    /// The type of an Arrow column; `None` for what rillet does not take (unions, maps, intervals).
    pub fn from_arrow(arrow: &Arrow) -> Option<Self> {
        Some(match arrow {
            Arrow::Null => Self::Null,
            Arrow::Boolean => Self::Bool,
            Arrow::Int8 => Self::Int8,
            Arrow::Int16 => Self::Int16,
            Arrow::Int32 => Self::Int32,
            Arrow::Int64 => Self::Int64,
            Arrow::UInt8 => Self::UInt8,
            Arrow::UInt16 => Self::UInt16,
            Arrow::UInt32 => Self::UInt32,
            Arrow::UInt64 => Self::UInt64,
            Arrow::Float32 => Self::Float32,
            Arrow::Float64 => Self::Float64,
            Arrow::Decimal32(precision, scale)
            | Arrow::Decimal64(precision, scale)
            | Arrow::Decimal128(precision, scale) => Self::Decimal(*precision, *scale),
            Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => Self::Text,
            Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => Self::Binary,
            Arrow::Dictionary(_, values) => Self::from_arrow(values)?,
            Arrow::RunEndEncoded(_, values) => Self::from_arrow(values.data_type())?,
            Arrow::Date32 | Arrow::Date64 => Self::Date,
            Arrow::Time32(unit) | Arrow::Time64(unit) => Self::Time((*unit).into()),
            Arrow::Timestamp(unit, zone) => Self::Timestamp((*unit).into(), zone.clone()),
            Arrow::Duration(unit) => Self::Duration((*unit).into()),
            Arrow::List(item) | Arrow::LargeList(item) | Arrow::ListView(item) | Arrow::LargeListView(item) => {
                Self::List(Box::new(Self::from_arrow(item.data_type())?))
            }
            Arrow::FixedSizeList(item, n) => Self::FixedList(Box::new(Self::from_arrow(item.data_type())?), *n),
            Arrow::Struct(fields) => {
                Self::Struct(fields.iter().map(|f| Field::from_arrow(f)).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

fn item_field(item: &DataType) -> ArrowField {
    ArrowField::new("item", item.to_arrow(), true)
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Text => f.write_str("string"),
            Self::Binary => f.write_str("binary"),
            Self::Date => f.write_str("date"),
            Self::Categorical(max) => write!(f, "categorical[{max}]"),
            Self::Decimal(precision, scale) => write!(f, "decimal[{precision},{scale}]"),
            Self::Time(unit) => write!(f, "time[{}]", unit.name()),
            Self::Duration(unit) => write!(f, "duration[{}]", unit.name()),
            Self::Timestamp(unit, None) => write!(f, "timestamp[{}]", unit.name()),
            Self::Timestamp(unit, Some(zone)) => write!(f, "timestamp[{}, {zone}]", unit.name()),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::FixedList(item, n) => write!(f, "fixed_list<{item}>[{n}]"),
            Self::Struct(fields) => {
                let inner: Vec<_> = fields.iter().map(|x| format!("{}: {}", x.name, x.dtype)).collect();
                write!(f, "struct<{}>", inner.join(", "))
            }
            other => f.write_str(&format!("{other:?}").to_lowercase()),
        }
    }
}

impl FromStr for DataType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if depth(text) > MAX_DEPTH {
            return Err(Error::argument(format!("a type that nests deeper than {MAX_DEPTH} levels")));
        }
        let dtype = parse_type(text.trim()).ok_or_else(|| {
            let start: String = text.chars().take(100).collect();
            Error::argument(format!(
                "unknown type {start:?}; known are bool, int8 … int64, uint8 … uint64, float32, float64, \
                 string, binary, date, time[us], timestamp[us], timestamp[us, UTC], duration[us], \
                 decimal[10,2], list<…>, fixed_list<…>[n] and struct<a: …>, with the units s, ms, us and ns"
            ))
        })?;
        dtype.check_zones()?;
        Ok(dtype)
    }
}

impl DataType {
    /// Whether all zones in it are known.
    fn check_zones(&self) -> Result<()> {
        match self {
            Self::Timestamp(_, Some(zone)) => Zone::new(zone).map(drop),
            Self::List(item) | Self::FixedList(item, _) => item.check_zones(),
            Self::Struct(fields) => fields.iter().try_for_each(|field| field.dtype.check_zones()),
            _ => Ok(()),
        }
    }
}

/// How deep types and values may nest: enough for any real one, and far from the end of the stack.
pub const MAX_DEPTH: usize = 64;

/// How deep the brackets of a type nest, at least.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn parse_type(text: &str) -> Option<DataType> {
    let simple = match text {
        "null" => DataType::Null,
        "bool" => DataType::Bool,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "string" => DataType::Text,
        "binary" => DataType::Binary,
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp(TimeUnit::Micro, None),
        _ => return parse_parametric(text),
    };
    Some(simple)
}

fn parse_parametric(text: &str) -> Option<DataType> {
    let inside = |prefix: &str, suffix: char| text.strip_prefix(prefix)?.strip_suffix(suffix);
    if let Some(args) = inside("timestamp[", ']') {
        let (unit, zone) = args.split_once(',').map_or((args, None), |(u, z)| (u, Some(z.trim())));
        return Some(DataType::Timestamp(TimeUnit::parse(unit.trim())?, zone.map(Arc::from)));
    }
    if let Some(unit) = inside("duration[", ']') {
        return Some(DataType::Duration(TimeUnit::parse(unit)?));
    }
    if let Some(unit) = inside("time[", ']') {
        return Some(DataType::Time(TimeUnit::parse(unit)?));
    }
    if let Some(args) = inside("decimal[", ']') {
        let (precision, scale) = args.split_once(',')?;
        let precision = precision.trim().parse().ok().filter(|p| (1..=38).contains(p))?;
        return Some(DataType::Decimal(precision, scale.trim().parse().ok()?));
    }
    if let Some(max) = inside("categorical[", ']') {
        // Codes are 32-bit integers with a sign.
        return Some(DataType::Categorical(max.parse().ok().filter(|max| (1..=i32::MAX as u32).contains(max))?));
    }
    if let Some(item) = inside("list<", '>') {
        return Some(DataType::List(Box::new(parse_type(item)?)));
    }
    if let Some(rest) = inside("fixed_list<", ']') {
        let (item, n) = rest.rsplit_once(">[")?;
        return Some(DataType::FixedList(Box::new(parse_type(item)?), n.parse().ok().filter(|n| *n >= 0)?));
    }
    let fields = split_top_level(inside("struct<", '>')?)
        .into_iter()
        .map(|field| {
            let (name, dtype) = field.split_once(':')?;
            Some(Field::new(name.trim(), parse_type(dtype.trim())?))
        })
        .collect::<Option<_>>()?;
    Some(DataType::Struct(fields))
}

/// Splits at the commas that stand in no bracket.
fn split_top_level(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'<' | b'[' => depth += 1,
            b'>' | b']' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in [
            "bool",
            "int8",
            "uint64",
            "float32",
            "string",
            "binary",
            "date",
            "time[ns]",
            "timestamp[us]",
            "timestamp[ms, Europe/Paris]",
            "duration[s]",
            "decimal[10,2]",
            "list<int64>",
            "null",
            "fixed_list<float32>[3]",
            "struct<a: int64, b: list<string>>",
            "categorical[100]",
        ] {
            assert_eq!(name.parse::<DataType>().expect(name).to_string(), name);
        }
        assert!("timestamp[m]".parse::<DataType>().is_err());
    }

    #[test]
    fn arrow_types_round_trip() {
        for name in ["int8", "decimal[10,2]", "time[s]", "time[us]", "timestamp[ms, UTC]", "list<int64>"] {
            let dtype: DataType = name.parse().expect(name);
            assert_eq!(DataType::from_arrow(&dtype.to_arrow()), Some(dtype));
        }
    }
}

//! Expressions and literals as the user would write them.

use std::fmt;

use super::ast::{Expr, Part};
use super::literal::Literal;
use super::operator::UnaryOp;
use crate::types::TimeUnit;

/// How tightly a piece of text holds together.
#[derive(Clone, Copy, PartialEq)]
enum Grip {
    /// A Python value, which needs `lit(…)` where nothing else makes an expression of it.
    Value,
    /// Holds under a method.
    Tight,
    /// Needs parentheses under an operator or a method.
    Loose,
}

type Piece = (String, Grip);

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write(self.parts()))
    }
}

/// The text of parts in postfix order that make one expression.
pub(super) fn write(parts: &[Part]) -> String {
    let mut stack: Vec<Piece> = Vec::new();
    for part in parts {
        let piece = match part {
            Part::Column(name) => (format!("col({})", quoted(name)), Grip::Tight),
            Part::Literal(value) => (value.to_string(), Grip::Value),
            Part::Binary(op) => {
                let (right, left) = (pop(&mut stack), pop(&mut stack));
                binary(left, op.symbol(), right)
            }
            part => unary(pop(&mut stack), part),
        };
        stack.push(piece);
    }
    expression(pop(&mut stack))
}

fn pop(stack: &mut Vec<Piece>) -> Piece {
    stack.pop().expect("an expression is checked when it is made")
}

fn binary(left: Piece, symbol: &str, right: Piece) -> Piece {
    // One operand has to be an expression for Python to see it as one.
    let left = if right.1 == Grip::Value { (expression(left.clone()), left.1) } else { left };
    (format!("{} {symbol} {}", held(left), held(right)), Grip::Loose)
}

fn unary(operand: Piece, part: &Part) -> Piece {
    let operand = match operand {
        piece @ (_, Grip::Value) => expression(piece),
        piece => held(piece),
    };
    match part {
        Part::Unary(UnaryOp::Negate) => (format!("-{operand}"), Grip::Loose),
        Part::Unary(UnaryOp::Not) => (format!("~{operand}"), Grip::Loose),
        Part::Unary(UnaryOp::IsNull) => (format!("{operand}.is_null()"), Grip::Tight),
        Part::Unary(UnaryOp::IsNotNull) => (format!("{operand}.is_not_null()"), Grip::Tight),
        Part::Cast(dtype) => (format!("{operand}.cast({})", quoted(&dtype.to_string())), Grip::Tight),
        Part::FillNull(value) => (format!("{operand}.fill_null({value})"), Grip::Tight),
        Part::Alias(name) => (format!("{operand}.alias({})", quoted(name)), Grip::Tight),
        Part::Column(_) | Part::Literal(_) | Part::Binary(_) => (operand, Grip::Tight),
    }
}

fn held((text, grip): Piece) -> String {
    if grip == Grip::Loose { format!("({text})") } else { text }
}

fn expression((text, grip): Piece) -> String {
    if grip == Grip::Value { format!("lit({text})") } else { text }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) if value.get().is_finite() => write!(f, "{:?}", value.get()),
            Self::Float(value) => write!(f, "float(\"{}\")", value.get().to_string().to_lowercase()),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Timestamp { ticks, unit, zone } => write_timestamp(f, *ticks, *unit, zone.as_deref()),
            Self::Date(days) => write!(f, "date(\"{}\")", date(i64::from(*days))),
            Self::Time { ticks, unit } => write!(f, "time(\"{}\")", clock(*ticks, *unit)),
            Self::Duration { ticks, unit } => write!(f, "timedelta(\"{ticks}{}\")", unit.name()),
            Self::Decimal { digits, scale } => write!(f, "Decimal(\"{digits}e{}\")", -i16::from(*scale)),
        }
    }
}

fn write_timestamp(f: &mut fmt::Formatter<'_>, ticks: i64, unit: TimeUnit, zone: Option<&str>) -> fmt::Result {
    let day = 86_400 * unit.per_second();
    write!(f, "datetime(\"{}T{}", date(ticks.div_euclid(day)), clock(ticks.rem_euclid(day), unit))?;
    match zone {
        None => f.write_str("\")"),
        Some("UTC") => f.write_str("Z\")"),
        Some(zone) => write!(f, "Z\", {})", quoted(zone)),
    }
}

/// A time of day, with the fraction of the second only if there is one.
fn clock(ticks: i64, unit: TimeUnit) -> String {
    let (seconds, fraction) = (ticks / unit.per_second(), ticks % unit.per_second());
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let digits = unit.per_second().ilog10() as usize;
    if fraction == 0 { whole } else { format!("{whole}.{fraction:0digits$}") }
}

/// A day of the Gregorian calendar. The year is counted from March, so that the leap day comes last.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + i64::from(month <= 2))
}

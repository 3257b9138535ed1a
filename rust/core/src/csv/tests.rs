//! The whole way from bytes to columns, against a slow twin and against the `csv` crate.

mod twin;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use proptest::prelude::*;

use self::twin::twin;
use super::*;
use crate::column::plain_text;
use crate::error::{BadRow, Error};
use crate::types::{DataType, TimeUnit};

/// All that comes out of a source, rows of all texts together.
#[derive(Debug, Default, PartialEq)]
struct Table {
    columns: Vec<Vec<Option<String>>>,
    rejects: Vec<BadRow>,
    error: Option<Error>,
    texts: Vec<usize>,
    skipped: u64,
    /// Byte, line and number of each row.
    starts: Vec<(u64, u64, u64)>,
}

fn show(array: &ArrayRef, row: usize) -> Option<String> {
    array.is_valid(row).then(|| match array.data_type() {
        arrow_schema::DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        arrow_schema::DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_bits().to_string(),
        _ => array.as_string::<i32>().value(row).to_owned(),
    })
}

struct Setup {
    layout: Layout,
    rows: usize,
    level: Level,
    /// Whether whole rows are taken after each piece, however few they are.
    prompt: bool,
}

fn layout(dtypes: &[DataType], on_error: OnError, comment: bool) -> Layout {
    let column = |(i, dtype): (usize, &DataType)| Column::new(i, format!("c{i}"), dtype.clone());
    Layout {
        dialect: Dialect::new(b',', Some(b'"'), comment.then_some(b'#')).expect("a dialect"),
        fields: dtypes.len(),
        columns: dtypes.iter().enumerate().map(column).collect(),
        on_error,
    }
}

/// Feeds the bytes in pieces of these sizes, over and over.
fn read(bytes: &[u8], feeds: &[usize], setup: &Setup) -> Table {
    let Setup { layout, rows, level, prompt } = setup;
    let mut cutter = Cutter::new(layout.dialect, Limits::default(), *rows, Start::default()).with_level(*level);
    let (mut table, mut scratch, mut rest) = (Table::default(), Scratch::new(*level), bytes);
    table.columns = vec![Vec::new(); layout.columns.len()];
    let mut feeds = feeds.iter().cycle();
    loop {
        let n = (*feeds.next().expect("endless")).clamp(1, rest.len().max(1)).min(rest.len());
        cutter.space(n)[..n].copy_from_slice(&rest[..n]);
        cutter.filled(n);
        rest = &rest[n..];
        let next = |cutter: &mut Cutter| {
            let cut = if n == 0 { cutter.finish() } else { cutter.cut() }.expect("no limit");
            if cut.is_none() && *prompt && n > 0 { cutter.cut_short().expect("no limit") } else { cut }
        };
        while let Some(text) = next(&mut cutter) {
            let decoded = decode(&text, layout, &mut scratch);
            take(&mut table, decoded, &text);
            cutter.recycle(text.into_buffer());
            if table.error.is_some() {
                return table;
            }
        }
        if n == 0 {
            return table;
        }
    }
}

fn take(table: &mut Table, decoded: Decoded, text: &Text) {
    table.texts.push(text.rows());
    table.skipped += decoded.skipped;
    for (all, array) in table.columns.iter_mut().zip(&decoded.columns) {
        assert_eq!(array.len(), decoded.rows);
        let array = match array.data_type() {
            arrow_schema::DataType::Dictionary(..) => plain_text(array),
            _ => array.clone(),
        };
        all.extend((0..array.len()).map(|row| show(&array, row)));
    }
    let (starts, first) = (decoded.starts, text.first());
    let lookup = |offsets: &[u32], row: usize| offsets.get(row).map_or(row as u64, |&x| x.into());
    table.starts.extend((0..decoded.rows).map(|row| {
        let byte = first.byte + u64::from(starts.bytes[row]);
        (byte, first.line + lookup(&starts.lines, row), first.row + lookup(&starts.rows, row))
    }));
    table.rejects.extend(decoded.rejects);
    table.error = decoded.error;
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "\"",
        "\"\"",
        ",",
        ",",
        ",",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "a",
        "bc",
        "1",
        "-2.5",
        "1234567",
        "#",
        "é",
        "\n\n",
        "\"x,y\"",
        ",\"q\",",
        "\"a\nb\"",
        "longer text than eight",
        "12345678,1,1\n",
        "a,1,2\n",
        "\"a\",\"1\",\"2.5\"\n",
        "0.12345678901234567,",
    ]);
    prop::collection::vec(token, 0..200).prop_map(|tokens| tokens.concat().into_bytes())
}

fn tables() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::sample::select(vec![
        "",
        "B",
        "SYM001",
        "\"q\"",
        "\"a,b\"",
        "\"a\"\"b\"",
        "\"\"",
        "\"x\ny\"",
        "much longer text",
        "été",
    ]);
    let int = prop::sample::select(vec!["", "1", "-12345678", "99999999", "\"7\"", "123456789012", "+5", "0"]);
    let float = prop::sample::select(vec![
        "",
        "1.5",
        "-0.0",
        "124.80286462336772",
        "\"2.25\"",
        "1e5",
        "100",
        ".5",
        "99.9999",
    ]);
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\n\n"]);
    prop::collection::vec((text, int, float, end), 0..300).prop_map(|rows| {
        rows.iter().map(|(a, b, c, end)| format!("{a},{b},{c}{end}")).collect::<String>().into_bytes()
    })
}

/// Tables whose quotes are as they should be, but for one or two cells.
fn blemished() -> impl Strategy<Value = Vec<u8>> {
    let row = prop::sample::select(vec![
        "\"a\",1,\"2.5\"\n",
        "\"a,\nb\",1,2.5\n",
        "b,\"1\",\"0.5\"\r\n",
        "\"c\"\"d\",2,1\n",
    ]);
    let blemish = prop::sample::select(vec![
        "\"a\"x,1,2\n",
        "\"a\"\rx,1,2\n",
        "a,1,\"2\"\r,\n",
        "a,1,\"2\"\r\r\n",
        "a\"b,1,2\n",
        "\"a\"\"\n,1,2\n",
        "\"a\" \"b\",1,2\n",
        "\"a\"x,\"b\",2\n",
        "a,\"1\"\n",
        "\r\n",
        "\n",
        "\"\n",
    ]);
    (row, 0..300_usize, prop::collection::vec((blemish, 0..100_usize), 0..3)).prop_map(
        |(row, times, blemishes)| {
            let more = blemishes.iter().map(|(blemish, times)| (*blemish).to_owned() + &row.repeat(*times));
            (row.repeat(times) + &more.collect::<String>()).into_bytes()
        },
    )
}

fn check(bytes: &[u8], feeds: &[usize], rows: usize, comment: bool) -> Result<(), TestCaseError> {
    let dtypes = [DataType::Text, DataType::Int64, DataType::Float64];
    let mut expected = twin(bytes, &dtypes, comment);
    for level in Level::available() {
        let setup = Setup { layout: layout(&dtypes, OnError::Keep, comment), rows, level, prompt: false };
        let got = read(bytes, feeds, &setup);
        prop_assert_eq!(&got.columns, &expected.columns);
        prop_assert_eq!(&got.starts, &expected.starts);
        prop_assert_eq!(got.skipped, expected.skipped);
        let rows_of =
            |table: &Table| table.rejects.iter().map(|bad| (bad.place.row, bad.value.clone())).collect::<Vec<_>>();
        prop_assert_eq!(rows_of(&got), rows_of(&expected));
        prop_assert!(got.texts.iter().rev().skip(1).all(|&n| n == rows) || got.texts.last() == Some(&0));
        let prompt = read(bytes, feeds, &Setup { prompt: true, ..setup });
        prop_assert!(prompt.texts.iter().all(|&n| n <= rows));
        prop_assert_eq!(Table { texts: Vec::new(), ..prompt }, Table { texts: Vec::new(), ..got });
        let setup = Setup { layout: layout(&dtypes, OnError::Error, comment), rows, level, prompt: false };
        let stopped = read(bytes, feeds, &setup);
        let before =
            expected.rejects.first().map_or(expected.starts.len() as u64, |bad| bad.place.row.expect("known"));
        prop_assert_eq!(stopped.starts.len() as u64, before);
        prop_assert_eq!(stopped.error.is_some(), !expected.rejects.is_empty());
        for (got, all) in stopped.columns.iter().zip(&mut expected.columns) {
            prop_assert_eq!(&got[..], &all[..before as usize]);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn soup_is_read_as_the_twin_reads_it(
        bytes in soup(),
        feeds in prop::collection::vec(1_usize..400, 1..5),
        rows in prop_oneof![1_usize..40, 100_usize..400],
        comment in any::<bool>(),
    ) {
        check(&bytes, &feeds, rows, comment)?;
    }

    #[test]
    fn tables_are_read_as_the_twin_reads_them(
        bytes in tables(), feeds in prop::collection::vec(1_usize..4000, 1..5), rows in 1_usize..400,
    ) {
        check(&bytes, &feeds, rows, false)?;
    }

    #[test]
    fn blemishes_are_found_wherever_they_are(
        bytes in blemished(), feeds in prop::collection::vec(1_usize..4000, 1..5), rows in 1_usize..400,
    ) {
        check(&bytes, &feeds, rows, false)?;
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000), rows in 1_usize..10) {
        let dtypes = [DataType::Text, DataType::Binary];
        for level in Level::available() {
            let layout = layout(&dtypes, OnError::Skip, true);
            let mut cutter = Cutter::new(layout.dialect, Limits::default(), rows, Start::default()).with_level(level);
            cutter.space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
            cutter.filled(bytes.len());
            while let Some(text) = cutter.finish().expect("no limit") {
                decode(&text, &layout, &mut Scratch::new(level));
            }
        }
    }

    #[test]
    fn the_csv_crate_agrees(records in prop::collection::vec([".{0,12}", "[a\",\n\r]{0,5}", "x"], 1..60)) {
        let mut writer = ::csv::WriterBuilder::new().quote_style(::csv::QuoteStyle::NonNumeric).from_writer(Vec::new());
        records.iter().for_each(|record| writer.write_record(record).expect("written"));
        let bytes = writer.into_inner().expect("flushed");
        let setup = Setup {
            layout: layout(&[DataType::Text, DataType::Text, DataType::Text], OnError::Error, false),
            rows: 7,
            level: Level::best(),
            prompt: false,
        };
        let table = read(&bytes, &[13], &setup);
        prop_assert_eq!(&table.error, &None);
        for (i, record) in records.iter().enumerate() {
            for (column, text) in table.columns.iter().zip(record) {
                prop_assert_eq!(column[i].as_ref(), Some(text));
            }
        }
    }
}

fn cut_all(bytes: &[u8], limits: Limits, feed: usize) -> Result<Vec<usize>, Error> {
    let mut cutter = Cutter::new(Dialect::default(), limits, 3, Start::default());
    let mut rows = Vec::new();
    for chunk in bytes.chunks(feed) {
        cutter.space(chunk.len())[..chunk.len()].copy_from_slice(chunk);
        cutter.filled(chunk.len());
        while let Some(text) = cutter.cut()? {
            rows.push(text.rows());
        }
    }
    while let Some(text) = cutter.finish()? {
        rows.push(text.rows());
    }
    Ok(rows)
}

#[test]
fn after_a_short_text_come_texts_of_the_usual_size() {
    let mut cutter = Cutter::new(Dialect::default(), Limits::default(), 3, Start::default());
    let mut fed = |bytes: &[u8]| {
        cutter.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        cutter.filled(bytes.len());
        let whole: Vec<usize> = std::iter::from_fn(|| cutter.cut().expect("no limit")).map(|t| t.rows()).collect();
        (whole, cutter.cut_short().expect("no limit").map(|text| text.rows()))
    };
    assert_eq!(fed(b"1\n2\n\"3"), (vec![], Some(2)));
    assert_eq!(fed(b"\n3"), (vec![], None));
    assert_eq!(fed(b"\"\n4\n5\n6\n7\n8\n9\n"), (vec![3, 3], Some(1)));
}

#[test]
fn a_line_may_be_just_as_long_as_the_limit() {
    for length in [10, 100, 600, 1000] {
        let exact = format!("{}\n{}\n", "a".repeat(length), "b\n".repeat(500)).repeat(3);
        let longer = format!("{}{}\n", exact, "a".repeat(length + 1));
        for feed in [1, 7, 64, 300, 100_000] {
            let limits = Limits { max_line: length, ..Limits::default() };
            assert_eq!(cut_all(exact.as_bytes(), limits, feed).expect("not too long").iter().sum::<usize>(), 1503);
            let error = cut_all(longer.as_bytes(), limits, feed).expect_err("too long");
            let Error::Limit { argument: "max_line", place, .. } = error else { panic!("{error:?}") };
            assert_eq!(place.byte, Some(exact.len() as u64));
            assert_eq!(place.line, Some(1 + 3 * 502));
        }
    }
}

#[test]
fn errors_tell_where() {
    let text = b"a,1,1\n\n\"b\n\",x,2\n\"c\",2,\xff\n";
    let dtypes = [DataType::Text, DataType::Int64, DataType::Float64];
    let read_with = |on_error| {
        let setup =
            Setup { layout: layout(&dtypes, on_error, false), rows: 10, level: Level::best(), prompt: false };
        read(text, &[5], &setup)
    };
    let Some(Error::BadRow(bad)) = read_with(OnError::Error).error else { panic!("no error") };
    assert_eq!((bad.place.line, bad.place.byte, bad.place.row), (Some(3), Some(12), Some(1)));
    assert_eq!((bad.column.as_deref(), &*bad.value, &*bad.reason), (Some("c1"), "x", "not an int64"));
    let rejects = read_with(OnError::Keep).rejects;
    assert_eq!(rejects.len(), 2);
    assert_eq!((rejects[1].place.line, &*rejects[1].value), (Some(5), "\"c\",2,\u{fffd}"));
}

#[test]
fn many_columns_and_long_rows() {
    let columns = 100_000;
    let row = vec!["1"; columns].join(",") + "\n";
    let layout = Layout {
        fields: columns,
        columns: [0, columns - 1].map(|i| Column::new(i, "x", DataType::Int64)).into(),
        ..layout(&[], OnError::Error, false)
    };
    for level in Level::available() {
        let table = read(
            row.repeat(3).as_bytes(),
            &[1 << 20],
            &Setup { layout: layout.clone(), rows: 2, level, prompt: false },
        );
        assert_eq!(table.texts, [2, 1]);
        assert_eq!(table.columns[1].len(), 3);
    }
}

#[test]
fn values_between_quotes_are_values() {
    for (quote, every) in [('"', 1), ('"', 2), ('"', 50), ('"', 700), ('\'', 3), ('1', 3), ('-', 2)] {
        let quoted = |i: usize, value: &str| match i % every {
            0 => format!("{quote}{value}{quote}"),
            _ => value.to_owned(),
        };
        let row = |i: usize| format!("{},{},x\n", quoted(i, &(20 + i % 9).to_string()), quoted(i + 1, "2.5"));
        let text: String = (0..1500).map(row).collect();
        let types = [DataType::Int64, DataType::Float64, DataType::Text];
        let mut layout = layout(&types, OnError::Error, false);
        layout.dialect = Dialect::new(b',', Some(quote as u8), None).expect("a dialect");
        for level in Level::available() {
            let table = read(
                text.as_bytes(),
                &[4096],
                &Setup { layout: layout.clone(), rows: 2000, level, prompt: false },
            );
            assert_eq!(table.error, None, "{quote} {every}");
            let expected: Vec<_> = (0..1500).map(|i| Some((20 + i % 9).to_string())).collect();
            assert_eq!(table.columns[0], expected, "{quote} {every} {level:?}");
            assert!(table.columns[1].iter().all(|value| *value == Some(2.5_f64.to_bits().to_string())));
        }
    }
}

#[test]
fn many_distinct_texts_become_plain() {
    let bytes: String = (0..10_000).map(|i| format!("text {i}\n")).collect();
    let mut cutter = Cutter::new(Dialect::default(), Limits::default(), 20_000, Start::default());
    cutter.space(bytes.len())[..bytes.len()].copy_from_slice(bytes.as_bytes());
    cutter.filled(bytes.len());
    let text = cutter.finish().expect("no limit").expect("a text");
    let decoded = decode(&text, &layout(&[DataType::Text], OnError::Error, false), &mut Scratch::default());
    let texts = decoded.columns[0].as_string::<i32>();
    assert!((0..10_000).all(|i| texts.value(i) == format!("text {i}")));
}

#[test]
fn spelled_nulls_count_only_unquoted() {
    let mut layout = layout(&[DataType::Int64, DataType::Text], OnError::Error, false);
    layout.columns.iter_mut().for_each(|column| column.nulls = vec![b"-999".to_vec(), b"NA".to_vec()]);
    let setup = Setup { layout, rows: 10, level: Level::best(), prompt: false };
    let table = read(b"-999,NA\n\"-999\",\"NA\"\nNA,-999\n5,NAN\n", &[100], &setup);
    assert_eq!(table.error, None);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(table.columns[0], [None, text("-999"), None, text("5")]);
    assert_eq!(table.columns[1], [None, text("NA"), None, text("NAN")]);
}

/// Decodes texts as one column, with a second one that keeps lines from being blank.
fn decode_column(texts: &[String], dtype: &DataType, level: Level) -> Decoded {
    let bytes: String = texts.iter().map(|text| format!("{text},x\n")).collect();
    let layout = Layout {
        fields: 2,
        columns: vec![Column::new(0, "c", dtype.clone())],
        ..layout(&[], OnError::Skip, false)
    };
    let mut cutter =
        Cutter::new(Dialect::default(), Limits::default(), 1 << 20, Start::default()).with_level(level);
    cutter.space(bytes.len())[..bytes.len()].copy_from_slice(bytes.as_bytes());
    cutter.filled(bytes.len());
    match cutter.finish().expect("no limit") {
        Some(text) => decode(&text, &layout, &mut Scratch::new(level)),
        None => Decoded::default(),
    }
}

fn moments() -> impl Strategy<Value = String> {
    let date = prop::sample::select(vec![
        "2024-01-02",
        "1969-12-31",
        "2262-04-11",
        "1677-09-21",
        "0001-01-01",
        "9999-12-31",
        "2023-02-29",
    ]);
    let minute = prop::sample::select(vec!["T09:30", " 09:31", "T23:47", "T00:12", "T23:59", "T24:00", "x10:10"]);
    let second = prop::sample::select(vec![
        "",
        ":00",
        ":16",
        ":43",
        ":59",
        ":60",
        ":1",
        ":16.854775807",
        ":43.145224192",
        ":59.9",
        ":05.120",
        ":05.123456",
        ":05.1234",
        ":00.0000000",
    ]);
    let zone = prop::sample::select(vec!["", "", "", "Z", "+01:00"]);
    prop_oneof![
        9 => (date, minute, second, zone).prop_map(|(date, minute, second, zone)| format!("{date}{minute}{second}{zone}")),
        1 => prop::sample::select(vec![
            "2024-01-02", "17", "-5.25", "nonsense", "9223372036854775808",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0:05.123456", "1970-01-01T00:00:05.123456",
        ]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn timestamps_agree_with_one_by_one(
        texts in prop::collection::vec((moments(), 1_usize..6), 0..40),
        unit in prop::sample::select(vec![TimeUnit::Second, TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano]),
        zoned in any::<bool>(),
    ) {
        let texts: Vec<String> = texts.into_iter().flat_map(|(text, n)| std::iter::repeat_n(text, n)).collect();
        let expected: Vec<i64> = texts.iter().filter_map(|text| moment::timestamp(text.as_bytes(), unit, zoned)).collect();
        for level in Level::available() {
            let dtype = DataType::Timestamp(unit, zoned.then(|| "UTC".into()));
            let decoded = decode_column(&texts, &dtype, level);
            let got: Vec<i64> = decoded.columns.first().map_or(Vec::new(), |c| crate::column::as_i64(c).expect("ticks").to_vec());
            prop_assert_eq!(&got, &expected, "{:?}", level);
        }
    }

    #[test]
    fn small_integers_are_checked_for_range(texts in prop::collection::vec("[+-]?[0-9]{1,4}|[0-9]{9,11}", 1..40)) {
        for level in Level::available() {
            let decoded = decode_column(&texts, &DataType::UInt8, level);
            let expected: Vec<i64> = texts.iter().filter_map(|text| text.parse::<i64>().ok().filter(|v| (0..256).contains(v))).collect();
            prop_assert_eq!(crate::column::as_i64(&decoded.columns[0]).expect("integers").to_vec(), expected);
        }
    }
}

#[test]
fn every_type_is_decoded() {
    for (dtype, text) in [
        ("bool", "True"),
        ("float32", "0.1"),
        ("decimal[10,2]", "-1.5"),
        ("date", "2024-02-29"),
        ("time[ms]", "10:20:30.5"),
        ("time[ns]", "10:20"),
        ("duration[s]", "7"),
        ("binary", "ab"),
        ("uint64", "18446744073709551615"),
        ("categorical[5]", "a"),
    ] {
        let dtype: DataType = dtype.parse().expect(dtype);
        let decoded = decode_column(&[text.into(), String::new(), text.into()], &dtype, Level::best());
        let array = &decoded.columns[0];
        assert_eq!(array.data_type(), &dtype.to_arrow());
        assert!(array.is_valid(0) && array.is_null(1) && array.slice(0, 1) == array.slice(2, 1), "{dtype}");
    }
    let list = DataType::List(Box::new(DataType::Bool));
    assert!(matches!(decode_column(&["1".into()], &list, Level::best()).error, Some(Error::Schema { .. })));
}

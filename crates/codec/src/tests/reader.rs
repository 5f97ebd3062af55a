//! The reader of records, compared with another implementation of CBOR.

use proptest::prelude::*;

use crate::cbor::{MAP, Reader, SIMPLE, UNSIGNED, put_head, put_text};

/// What a step of a reader may ask for.
#[derive(Clone, Copy, Debug)]
enum Step {
    Map,
    Array,
    Unsigned,
    Truth,
    Text,
    Skip,
}

fn step() -> impl Strategy<Value = Step> {
    prop::sample::select(vec![Step::Map, Step::Array, Step::Unsigned, Step::Truth, Step::Text, Step::Skip])
}

/// Heads of all types, texts and single bytes, in any order.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![0..30_u64, 250..260_u64, any::<u64>()];
    prop_oneof![
        (0..8_u8, number).prop_map(|(major, number)| {
            let mut bytes = Vec::new();
            put_head(major, number, &mut bytes).unwrap();
            bytes
        }),
        ".{0,3}".prop_map(|text| {
            let mut bytes = Vec::new();
            put_text(&text, &mut bytes).unwrap();
            bytes
        }),
        any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

/// A step's answer, as text.
fn ours(items: &mut Reader<'_>, step: Step) -> Option<String> {
    match step {
        Step::Map => items.map().ok().map(|count| count.to_string()),
        Step::Array => items.array().ok().map(|count| count.to_string()),
        Step::Unsigned => items.unsigned().ok().map(|number| number.to_string()),
        Step::Truth => items.truth().ok().map(|truth| truth.to_string()),
        Step::Text => items.text().ok().map(ToOwned::to_owned),
        Step::Skip => items.skip().ok().map(|()| String::new()),
    }
}

fn theirs(other: &mut minicbor::Decoder<'_>, step: Step) -> Option<String> {
    match step {
        // An indefinite length is `None` there.
        Step::Map => other.map().ok().flatten().map(|count| count.to_string()),
        Step::Array => other.array().ok().flatten().map(|count| count.to_string()),
        Step::Unsigned => other.u64().ok().map(|number| number.to_string()),
        Step::Truth => other.bool().ok().map(|truth| truth.to_string()),
        Step::Text => other.str().ok().map(ToOwned::to_owned),
        Step::Skip => other.skip().ok().map(|()| String::new()),
    }
}

proptest! {
    #[test]
    fn records_are_read_as_another_implementation_reads_them(
        pieces in prop::collection::vec((piece(), step()), 0..8),
    ) {
        let (bytes, steps): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
        let bytes = bytes.concat();
        let (mut items, mut other) = (Reader::new(&bytes), minicbor::Decoder::new(&bytes));
        for step in steps {
            let (ours, theirs) = (ours(&mut items, step), theirs(&mut other, step));
            if matches!(step, Step::Skip) {
                // The other one skips what is not well-formed here: indefinite lengths, text that is not UTF-8.
                prop_assert!(ours.is_none() || theirs.is_some(), "{bytes:x?}");
            } else {
                prop_assert_eq!(&ours, &theirs, "{:?} of {:x?}", step, &bytes);
            }
            if ours.is_none() {
                break;
            }
        }
    }
}

#[test]
fn a_text_is_read_and_any_other_item_is_skipped() {
    let mut bytes = Vec::new();
    put_head(MAP, 1, &mut bytes).unwrap();
    put_head(SIMPLE, 21, &mut bytes).unwrap();
    put_head(UNSIGNED, 300, &mut bytes).unwrap();
    put_text("år", &mut bytes).unwrap();
    let mut items = Reader::new(&bytes);
    assert_eq!(items.text_or_skip().unwrap(), None, "the map with its entry");
    assert_eq!(items.text_or_skip().unwrap(), Some("år"));
    let fault = items.text_or_skip().unwrap_err();
    assert_eq!(fault.to_string(), format!("an item that is cut short at byte {}", bytes.len()));
}

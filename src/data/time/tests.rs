//! Laws and examples of Go times. The examples come from the documentation of Go's `time` package and from runs of Helm.

use proptest::prelude::*;

use super::*;

fn utc(text: &str) -> Time {
    Time::parse(RFC3339_NANO, text, &Zone::Utc).unwrap()
}

#[test]
fn layouts_write_what_go_writes() {
    let at = Time::parse(RFC3339_NANO, "2009-11-04T18:07:03.012345600+05:30", &Zone::Utc).unwrap();
    for (layout, want) in [
        ("Mon Jan _2 15:04:05 2006", "Wed Nov  4 18:07:03 2009"),
        ("Monday, 02-January-06 3:4:5pm .000 ,99", "Wednesday, 04-November-09 6:7:3pm .012 ,01"),
        ("002 __2 1/2 03PM", "308 308 11/4 06PM"),
        ("-0700 -07:00 -07 -070000 -07:00:00 MST", "+0530 +05:30 +05 +053000 +05:30:00 +0530"),
        ("Z0700 Z07:00 Z07", "+0530 +05:30 +05"),
        ("Jane Monkey _2006 .0001 .9990", "Jane Monkey _2009 .0011 .9990"),
        ("15h04.000000000.999999", "18h07.012345600.012345"),
        (".00000000000 _2006 __20", ".012345600 _2009 3080"),
        ("0x 2x Janu Mona", "0x 4x Janu Mona"),
    ] {
        assert_eq!(at.format(layout), want, "{layout}");
    }
    assert_eq!(Time::zero().rfc3339_nano(), "0001-01-01T00:00:00Z");
    assert_eq!(Time::zero().to_string(), "0001-01-01 00:00:00 +0000 UTC");
    assert_eq!(utc("2026-11-21T07:15:22.000Z").rfc3339_nano(), "2026-11-21T07:15:22Z");
    assert_eq!(utc("2026-11-21T07:15:22Z").ansi_c(), "Sat Nov 21 07:15:22 2026");
}

#[test]
fn errors_have_gos_texts() {
    for (layout, text, want) in [
        ("2006-01-02", "bad", r#"parsing time "bad" as "2006-01-02": cannot parse "bad" as "2006""#),
        ("2006-01-02", "2024-13-01", r#"parsing time "2024-13-01": month out of range"#),
        ("2006-01-02", "2024-02-30", r#"parsing time "2024-02-30": day out of range"#),
        ("2006-01-02", "2024-02-01x", r#"parsing time "2024-02-01x": extra text: "x""#),
        ("2006-01-02", "2024/02", r#"parsing time "2024/02" as "2006-01-02": cannot parse "/02" as "-""#),
        ("2006-01-02", "2024-01-", r#"parsing time "2024-01-" as "2006-01-02": cannot parse "" as "02""#),
        ("2006", "\u{e9}", r#"parsing time "\xc3\xa9" as "2006": cannot parse "\xc3\xa9" as "2006""#),
        ("-07:00", "+01:99", r#"parsing time "+01:99": time zone offset minute out of range"#),
        ("2006 -0700", "2024 +2500", r#"parsing time "2024 +2500": time zone offset hour out of range"#),
        ("2006 .000", "2024 .12", r#"parsing time "2024 .12" as "2006 .000": cannot parse ".12" as ".000""#),
        ("MST", "ABCDE", r#"parsing time "ABCDE" as "MST": cannot parse "ABCDE" as "MST""#),
        ("15:04", "24:00", r#"parsing time "24:00": hour out of range"#),
        ("2006 002 01", "2024 060 03", r#"parsing time "2024 060 03": day-of-year does not match month"#),
    ] {
        assert_eq!(Time::parse(layout, text, &Zone::Utc).unwrap_err().to_string(), want);
    }
}

#[test]
fn zones_are_loaded_as_go_does() {
    let berlin = Zone::load("Europe/Berlin").unwrap();
    assert_eq!(utc("2024-07-01T00:00:00Z").in_zone(&berlin).to_string(), "2024-07-01 02:00:00 +0200 CEST");
    assert_eq!(Zone::load(""), Some(Zone::Utc));
    for unknown in ["europe/berlin", "../etc/passwd", "/etc/localtime", "Nope/Nope"] {
        assert!(Zone::load(unknown).is_none(), "{unknown}");
    }
    let new_york = Zone::load("America/New_York").unwrap();
    for (text, want) in [
        ("2024-03-10 02:30", "2024-03-10 01:30:00 -0500 EST"),
        ("2024-11-03 01:30", "2024-11-03 01:30:00 -0400 EDT"),
        ("2024-11-03 02:30", "2024-11-03 02:30:00 -0500 EST"),
    ] {
        assert_eq!(Time::parse("2006-01-02 15:04", text, &new_york).unwrap().to_string(), want);
    }
    assert_eq!(Zone::local(Some("")), Zone::Utc);
    assert_eq!(Zone::local(Some(":Europe/Berlin")), berlin);
    let read = |layout, text| Time::parse(layout, text, &berlin).unwrap().to_string();
    assert_eq!(read("2006-01-02 15:04", "2024-07-01 12:00"), "2024-07-01 12:00:00 +0200 CEST");
    assert_eq!(read(RFC3339, "2024-07-01T12:00:00+02:00"), "2024-07-01 12:00:00 +0200 CEST");
    assert_eq!(read(RFC3339, "2024-07-01T12:00:00+03:00"), "2024-07-01 12:00:00 +0300 +0300");
    assert_eq!(read("2006-01-02 MST", "2024-01-01 CET"), "2024-01-01 00:00:00 +0100 CET");
    assert_eq!(read("2006-01-02 MST", "2024-01-01 XYZ"), "2024-01-01 00:00:00 +0000 XYZ");
    for (layout, text, want) in [
        ("2006-01-02 15:04", "2024-03-31 02:30", "2024-03-31 03:30:00 +0200 CEST"),
        ("2006-01-02 15:04", "2024-10-27 02:30", "2024-10-27 02:30:00 +0100 CET"),
        ("2006-01-02 MST", "2024-07-01 CET", "2024-07-01 01:00:00 +0200 CEST"),
        ("2006-01-02 MST", "2024-01-01 CEST", "2023-12-31 23:00:00 +0100 CET"),
        ("2006-01-02 MST", "2024-01-01 GMT+3", "2024-01-01 03:00:00 +0300 GMT+3"),
        ("2006-01-02 MST", "2024-01-01 +03", "2024-01-01 00:00:00 +0000 +03"),
        ("2006-01-02 MST", "1943-01-01 CEMT", "1942-12-31 22:00:00 +0100 CET"),
        ("06 __2", "24  60", "2024-02-29 00:00:00 +0100 CET"),
        (RFC3339, "2024-01-01T01:02:03,5+01:00", "2024-01-01 01:02:03.5 +0100 CET"),
        (RFC3339, "2024-01-01T1:02:03Z", "2024-01-01 01:02:03 +0000 UTC"),
        ("3PM", "12AM", "0000-01-01 00:00:00 +0053 LMT"),
        ("02 Jan", "29 FEB", "0000-02-29 00:00:00 +0053 LMT"),
        ("Monday 2", "monday 3", "0000-01-03 00:00:00 +0053 LMT"),
        ("2006  01", "2024 01", "2024-01-01 00:00:00 +0100 CET"),
        ("MST", "ABCDT", "0000-01-01 00:00:00 +0000 ABCDT"),
        (".999 2006", ".5 2024", "2024-01-01 00:00:00.5 +0100 CET"),
        ("-0700", "+0000", "0000-01-01 00:00:00 +0000 +0000"),
        ("2006-01-02 -0700 MST", "2024-01-01 +0100 XXX", "2024-01-01 00:00:00 +0100 XXX"),
        ("2006-01-02 15:04:05Z07:00:00", "2024-01-01 01:02:03+01:02:03", "2024-01-01 01:02:03 +0102 +0102"),
    ] {
        assert_eq!(read(layout, text), want, "{layout} {text}");
    }
}

#[test]
fn date_arithmetic_carries() {
    let at = utc("2024-01-31T10:00:00.5Z");
    assert_eq!(at.add_date(0, 1, 0).rfc3339_nano(), "2024-03-02T10:00:00.5Z");
    assert_eq!(at.add_date(0, -13, 0).rfc3339_nano(), "2022-12-31T10:00:00.5Z");
    assert_eq!(at.add(GoDuration(-600_000_000)).rfc3339_nano(), "2024-01-31T09:59:59.9Z");
    assert_eq!(utc("2024-01-31T10:00:01Z").since(&at), GoDuration(500_000_000));
}

#[test]
fn durations_read_and_write_as_go_does() {
    for (text, want) in [
        ("5m0s", "5m0s"),
        ("1h2m3.5s", "1h2m3.5s"),
        ("-1.5h", "-1h30m0s"),
        ("+5s", "5s"),
        ("0", "0s"),
        ("1.5ms", "1.5ms"),
        ("3us", "3µs"),
        (".5s", "500ms"),
        ("5.s", "5s"),
        ("1ns", "1ns"),
        ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
        ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(text.parse::<GoDuration>().unwrap().to_string(), want, "{text}");
    }
    for (text, want) in [
        ("5", r#"time: missing unit in duration "5""#),
        ("", r#"time: invalid duration """#),
        ("1d", r#"time: unknown unit "d" in duration "1d""#),
        ("1h-1m", r#"time: unknown unit "h-" in duration "1h-1m""#),
        (".", r#"time: invalid duration ".""#),
        ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
        ("99999999999999999999h", r#"time: invalid duration "99999999999999999999h""#),
    ] {
        assert_eq!(text.parse::<GoDuration>().unwrap_err().to_string(), want, "{text}");
    }
}

/// The date cases of the vectors that only need layouts: `dateInZone FORMAT (toDate LAYOUT TEXT) ZONE` and `mustToDate`.
#[test]
fn vectors() {
    let folder = std::env::var("BOWLINE_VECTORS").unwrap_or_else(|_| "../shared/conformance/vectors".into());
    let Ok(text) = std::fs::read_to_string(format!("{folder}/sprig_date.json")) else {
        println_skip("no conformance vectors");
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let quoted = r#""((?:[^"\\]|\\.)*)""#;
    let show = regex::Regex::new(&format!(
        r"^\{{\{{ dateInZone {quoted} \(toDate {quoted} {quoted}\) {quoted} \}}\}}$"
    ))
    .unwrap();
    let read = regex::Regex::new(&format!(r"^\{{\{{ mustToDate {quoted} {quoted} \}}\}}$")).unwrap();
    let mut seen = 0;
    for case in cases.as_array().unwrap() {
        let template = case["template"].as_str().unwrap();
        if let Some(found) = show.captures(template) {
            let moment = Time::parse(&found[2], &found[3], &Zone::Utc).unwrap_or_else(|_| Time::zero());
            let zone = Zone::load(&found[4]).unwrap_or(Zone::Utc);
            assert_eq!(moment.in_zone(&zone).format(&found[1]), case["want"].as_str().unwrap(), "{template}");
            seen += 1;
        } else if let Some(found) = read.captures(template) {
            match Time::parse(&found[1], &found[2], &Zone::Utc) {
                Ok(moment) => assert_eq!(Some(&*moment.to_string()), case["want"].as_str(), "{template}"),
                Err(error) => assert!(
                    case["error"].as_str().is_some_and(|want| want.ends_with(&error.to_string())),
                    "{template}: {error}"
                ),
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} cases found");
}

#[allow(clippy::print_stderr)]
fn println_skip(why: &str) {
    eprintln!("skipped: {why}");
}

proptest! {
    #[test]
    fn durations_round_trip(nanos: i64) {
        let duration = GoDuration(nanos);
        prop_assert_eq!(duration.to_string().parse::<GoDuration>().unwrap(), duration);
    }

    #[test]
    fn records_times_round_trip(seconds in -62_135_596_800i64..253_402_300_799, nanos in 0i64..1_000_000_000, offset in -1439i32..1440) {
        let zone = Zone::Fixed { name: String::new(), offset: offset * 60 };
        let at = Time::from_unix(seconds, nanos, zone);
        let year = at.civil().year;
        prop_assume!((0..=9999).contains(&year));
        let back = Time::parse(RFC3339_NANO, &at.rfc3339_nano(), &Zone::Utc).unwrap();
        prop_assert_eq!(back.rfc3339_nano(), at.rfc3339_nano());
        prop_assert_eq!(back, at);
    }

    #[test]
    fn every_instant_has_a_date(seconds: i64, nanos: i64) {
        let at = Time::from_unix(seconds, nanos, Zone::Utc);
        let civil = at.civil();
        prop_assert!((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day));
        at.to_string();
        at.add_date(i64::MAX, i64::MIN, i64::MAX).to_string();
    }

    #[test]
    fn no_layout_or_text_panics(layout in ".{0,24}", text in ".{0,24}") {
        let _ = Time::parse(&layout, &text, &Zone::Utc);
        Time::zero().format(&layout);
    }
}

//! What is refused, by name, and what no message shows.

use std::path::Path;

use persistent_collections::{Dict, Environment, Options, Status};

use crate::common::status;
use crate::server::{SERVER, Server, open, options, schema};

#[test]
fn what_only_files_have_is_refused_by_name() {
    let url = SERVER.with(&format!("schema={}", schema()));
    for (options, name) in [
        (options().map_size(1 << 30), "map_size"),
        (options().immutable(true), "immutable"),
        (options().no_subdir(true), "no_subdir"),
        (options().check_on_open(true), "check_on_open"),
        (options().max_readers(7), "max_readers"),
        (options().flush_interval(std::time::Duration::from_secs(1)), "flush_interval"),
    ] {
        let error = Environment::open(&url, &options).unwrap_err();
        assert_eq!(error.status(), Status::Unsupported);
        assert!(error.message().contains(name), "{error}");
    }
    let env = Environment::open(&url, &options()).unwrap();
    assert_eq!(status(env.check()), Status::Unsupported);
    assert_eq!(status(env.readers()), Status::Unsupported);
    assert_eq!(status(env.reap_readers()), Status::Unsupported);
}

#[test]
fn an_environment_that_does_not_exist_is_not_created_unless_asked() {
    let url = SERVER.with(&format!("schema={}", schema()));
    assert_eq!(status(Environment::open(&url, &options().create(false))), Status::NoEnvironment);
    assert_eq!(status(Environment::open(&url, &options().read_only(true))), Status::NoEnvironment);
    let none = SERVER.url("socket").replacen("///pc", "///nothing", 1);
    assert_eq!(status(Environment::open(none, &options())), Status::NoEnvironment);
}

#[test]
fn a_read_only_environment_writes_nothing() {
    let schema = schema();
    let env = Environment::open(SERVER.with(&format!("schema={schema}")), &options()).unwrap();
    Dict::<i64, i64>::open(&env, "d").unwrap().put(&1, &1).unwrap();
    let url = SERVER.with(&format!("schema={schema}&application_name=reader"));
    let reader = Environment::open(url, &options().read_only(true)).unwrap();
    let dict = Dict::<i64, i64>::open(&reader, "d").unwrap();
    assert_eq!(dict.get(&1).unwrap(), Some(1));
    assert_eq!(status(dict.put(&1, &2)), Status::ReadOnly);
    assert_eq!(status(reader.begin_write()), Status::ReadOnly);
    assert_eq!(status(Dict::<i64, i64>::open(&reader, "other").map(drop)), Status::NoCollection);
}

#[test]
fn a_role_that_may_only_read_and_write_rows_can_use_what_exists() {
    let schema = schema();
    let env = Environment::open(SERVER.with(&format!("schema={schema}")), &options()).unwrap();
    Dict::<i64, i64>::open(&env, "d").unwrap().put(&1, &1).unwrap();
    SERVER.sql(&format!(
        "CREATE ROLE r_{schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO r_{schema}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO r_{schema}"
    ));
    let url = SERVER.with(&format!("schema={schema}")).replace("user=pc", &format!("user=r_{schema}"));
    let own = Environment::open(url, &options()).unwrap();
    let dict = Dict::<i64, i64>::open(&own, "d").unwrap();
    dict.put(&2, &2).unwrap();
    own.transaction(|| dict.put(&3, &3)).unwrap();
    assert_eq!(dict.iter().unwrap().count(), 3);
    assert_eq!(status(Dict::<i64, i64>::open(&own, "new").map(drop)), Status::Permission);
}

#[test]
fn no_message_shows_the_password() {
    let mut said = Vec::new();
    for url in [
        "postgresql://ada:s3cret@127.0.0.1:1/db".to_owned(),
        "postgresql://127.0.0.1:1/db?user=ada&password=s3cret".to_owned(),
        "postgresql://ada:s3cret@127.0.0.1:1/db?nonsense=1".to_owned(),
        "postgresql://ada:s3cret@127.0.0.1:1/db?schema=%zz".to_owned(),
        "postgresql://ada:s3cret%zz@127.0.0.1:1/db".to_owned(),
        "postgresql://ada:s3cret@127.0.0.1:port/db".to_owned(),
        SERVER.url("tcp").replace("correct%20horse", "s3cret"),
        "mysql://ada:s3cret@127.0.0.1:1/db".to_owned(),
    ] {
        let error = Environment::open(url, &options()).unwrap_err();
        said.push(format!("{error} {error:?}"));
    }
    let url = format!("{}?schema={}", SERVER.url("tcp"), schema());
    let env = Environment::open(&url, &options()).unwrap();
    said.push(format!("{env:?} {:?}", env.path()));
    assert_eq!(env.path(), Path::new(&url.replace(":correct%20horse", "")));
    assert_eq!(status(Environment::open(&url, &Options::new()).map(drop)), Status::OptionsDiffer);
    said.push(Environment::open(&url, &Options::new()).map(drop).unwrap_err().to_string());
    for text in said {
        assert!(!text.contains("s3cret") && !text.contains("horse"), "{text}");
    }
}

#[test]
fn a_wrong_password_and_a_wrong_certificate_are_refused() {
    let server = Server::start(&["--tls"]);
    let wrong = server.url("tcp").replace("correct%20horse", "battery");
    assert_eq!(status(Environment::open(wrong, &options())), Status::Permission);
    let good = server.url("tcp").to_owned();
    Environment::open(format!("{good}?sslmode=disable&schema=plain"), &options()).unwrap();
    let verified = format!("{good}?sslmode=verify-full&schema=tls&sslrootcert=");
    let env = Environment::open(format!("{verified}{}", server.url("ca")), &options()).unwrap();
    Dict::<i64, i64>::open(&env, "d").unwrap().put(&1, &1).unwrap();
    let other = Server::start(&["--tls"]);
    let error = Environment::open(format!("{verified}{}", other.url("ca")), &options()).unwrap_err();
    assert_eq!(error.status(), Status::Unavailable, "{error}");
    assert!(error.message().contains("certificate"), "{error}");
}

#[test]
fn names_of_any_characters_are_names() {
    let env = Environment::open(
        SERVER.with(&format!("schema={}", "it's%20%22quoted%22%20%5C%20%24%24%20%C3%A9")),
        &options(),
    )
    .unwrap();
    for name in ["", "it's", "\"x\"; DROP SCHEMA pc; --", "\\", "$$", "grün", "c1", "%s %I"] {
        let dict = Dict::<String, String>::open(&env, name).unwrap();
        dict.put(name, name).unwrap();
        assert_eq!(dict.get(name).unwrap().as_deref(), Some(name));
    }
    let names: Vec<String> = env.collections().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names.len(), 8);
    assert!(names.is_sorted(), "{names:?}");
    assert!(env.drop_collection("it's").unwrap());
    assert!(!env.drop_collection("it's").unwrap());
}

#[test]
fn the_largest_keys_and_large_values_are_stored() {
    let env = open();
    let dict = Dict::<Vec<u8>, Vec<u8>>::open(&env, "d").unwrap();
    let key = vec![0xff; 1978];
    let value: Vec<u8> = (0..5_000_000_u32).map(|n| (n * 31).to_le_bytes()[0]).collect();
    dict.put(&key, &value).unwrap();
    dict.put(b"\0", b"").unwrap();
    assert_eq!(dict.get(&key).unwrap(), Some(value.clone()));
    assert_eq!(dict.last().unwrap(), Some((key, value)));
    assert_eq!(dict.first().unwrap(), Some((vec![0], vec![])));
    let sizes: Vec<usize> = dict.values().unwrap().map(|value| value.unwrap().len()).collect();
    assert_eq!(sizes, [0, 5_000_000]);
}

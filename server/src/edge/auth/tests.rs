//! Tokens of every wrong kind, each with its reason.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"0123456789-abcdefghij-ABCDEFGHIJ";
const NOW: Millis = Millis(1_760_000_000_000);
const NOW_S: i64 = 1_760_000_000;

fn options() -> Options {
    Options {
        issuer: "hawker".to_owned(),
        audience: "hawker".to_owned(),
        leeway_ms: 30_000,
        token_bytes_max: 4_096,
        secret: Some(SECRET.to_vec()),
        jwks_file: None,
        jwks_look_ms: 5_000,
    }
}

fn verifier() -> Verifier {
    Verifier::new(options(), Clock::starting_at(NOW)).unwrap()
}

fn claims() -> Value {
    json!({
        "sub": "u1", "name": "Ann", "roles": ["buyer", "agent"], "shop": ["acme", "bolt"],
        "sid": "s1", "iss": "hawker", "aud": "hawker", "exp": NOW_S + 3_600,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn part(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

fn signed(header: &Value, claims: &Value, algorithm: Algorithm, key: &EncodingKey) -> String {
    keys::install_crypto();
    let message = format!("{}.{}", part(header), part(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn hs256(claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    signed(&header, claims, Algorithm::HS256, &EncodingKey::from_secret(SECRET))
}

fn verify(token: &str) -> Result<Identity, Error> {
    verifier().verify(token)
}

#[tokio::test(start_paused = true)]
async fn a_good_token_says_who_its_owner_is() {
    let identity = verify(&hs256(&claims())).unwrap();
    assert_eq!(identity.user.as_str(), "u1");
    assert_eq!(identity.name.as_deref(), Some("Ann"));
    assert_eq!(identity.roles, BTreeSet::from([Role::Buyer, Role::Agent]));
    let shops: Vec<&str> = identity.shops.iter().map(ShopId::as_str).collect();
    assert_eq!(shops, ["acme", "bolt"]);
    assert_eq!(identity.expires_at, Millis(NOW.0 + 3_600_000));
    assert_eq!(identity.sid.as_deref(), Some("s1"));
}

#[tokio::test(start_paused = true)]
async fn what_a_token_may_leave_out_has_a_plain_meaning() {
    let least = json!({ "sub": "u1", "iss": "hawker", "aud": ["x", "hawker"], "exp": NOW_S + 1 });
    let identity = verify(&hs256(&least)).unwrap();
    assert_eq!(identity.roles, BTreeSet::from([Role::Buyer]));
    assert!(identity.shops.is_empty() && identity.name.is_none() && identity.sid.is_none());
    let one_shop = verify(&hs256(&with("shop", json!("acme")))).unwrap();
    assert_eq!(one_shop.shops.len(), 1);
    let foreign_role = verify(&hs256(&with("roles", json!(["emperor"])))).unwrap();
    assert!(foreign_role.roles.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_is_refused_by_shape() {
    let good = hs256(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    assert_eq!(verify(""), Err(Error::Missing));
    let malformed = [
        "x".to_owned(),
        "a.b".to_owned(),
        head.to_owned(),
        format!("{good}.e"),
        format!(" {good}"),
        format!("{}={signature}", head.replacen('.', "=.", 1)),
        format!("{}.{}.c2ln", BASE64.encode("{"), part(&claims())),
        format!("{}.{}.c2ln", part(&json!({"kid": "k"})), part(&claims())),
        hs256(&json!("text")),
        hs256(&json!([])),
    ];
    for token in malformed {
        assert_eq!(verify(&token), Err(Error::Malformed), "{token}");
    }
    let header = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    let critical = signed(&header, &claims(), Algorithm::HS256, &EncodingKey::from_secret(SECRET));
    assert_eq!(verify(&critical), Err(Error::Malformed));
}

#[tokio::test(start_paused = true)]
async fn a_token_longer_than_the_limit_is_not_even_looked_at() {
    let long = hs256(&with("attrs", json!("x".repeat(4_096))));
    assert_eq!(verify(&long), Err(Error::TooLarge { bytes_max: 4_096 }));
}

#[tokio::test(start_paused = true)]
async fn a_forged_token_is_refused() {
    let good = hs256(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let other_key = EncodingKey::from_secret(b"another secret of at least 32 bytes");
    let forged = [
        signed(&json!({ "alg": "HS256" }), &claims(), Algorithm::HS256, &other_key),
        format!("{header}.{}.{signature}", part(&with("sub", json!("boss")))),
        format!("{message}."),
        format!("{message}.!"),
        format!("{message}.{}", &signature[..40]),
    ];
    for token in forged {
        assert_eq!(verify(&token), Err(Error::BadSignature), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_cannot_choose_its_algorithm() {
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
    assert_eq!(verify(&unsigned), Err(Error::WrongAlgorithm));
    for alg in ["None", "NONE", "", "hs256", "HS384", "HS512", "RS256", "unsupported"] {
        let header = json!({ "alg": alg });
        let key = EncodingKey::from_secret(SECRET);
        let token = signed(&header, &claims(), Algorithm::HS256, &key);
        assert_eq!(verify(&token), Err(Error::WrongAlgorithm), "{alg}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_claim_that_is_missing_or_odd_is_named() {
    let cases = [
        ("sub", vec![Value::Null, json!(7), json!(""), json!("a b"), json!("x".repeat(65))]),
        ("iss", vec![Value::Null, json!(["hawker"])]),
        ("aud", vec![Value::Null, json!({}), json!(["hawker", 7])]),
        ("exp", vec![Value::Null, json!("1"), json!(-1), json!(1e18), json!(NOW.0)]),
        ("nbf", vec![json!("soon"), json!(true)]),
        ("name", vec![json!(7), json!("a\nb"), json!("x".repeat(81))]),
        ("roles", vec![json!(7), json!([7]), json!({})]),
        ("shop", vec![json!(7), json!(["a b"]), json!([""]), json!(vec!["s"; 257])]),
        ("sid", vec![json!(7), json!(""), json!("x".repeat(129))]),
    ];
    for (name, values) in cases {
        for value in values {
            let token = hs256(&with(name, value.clone()));
            assert_eq!(verify(&token), Err(Error::BadClaims(name)), "{name} = {value}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_for_somebody_else_is_refused() {
    let other_audience = hs256(&with("aud", json!(["shop", "HAWKER"])));
    assert_eq!(verify(&other_audience), Err(Error::WrongAudience));
    assert_eq!(verify(&hs256(&with("aud", json!([])))), Err(Error::WrongAudience));
    assert_eq!(verify(&hs256(&with("iss", json!("hawker2")))), Err(Error::WrongIssuer));
}

#[tokio::test(start_paused = true)]
async fn expiry_is_judged_by_our_clock_with_thirty_seconds_of_leeway() {
    assert_eq!(verify(&hs256(&with("exp", json!(NOW_S - 30)))), Err(Error::Expired));
    assert!(verify(&hs256(&with("exp", json!(NOW_S - 29)))).is_ok());
    assert!(verify(&hs256(&with("exp", json!(NOW_S as f64 - 29.5)))).is_ok());
    assert_eq!(verify(&hs256(&with("nbf", json!(NOW_S + 31)))), Err(Error::NotYet));
    assert!(verify(&hs256(&with("nbf", json!(NOW_S + 30)))).is_ok());
    let verifier = verifier();
    let identity = verifier.verify(&hs256(&with("exp", json!(NOW_S + 10)))).unwrap();
    tokio::time::advance(Duration::from_millis(39_999)).await;
    assert_eq!(verifier.still_valid(&identity), Ok(()));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(verifier.still_valid(&identity), Err(Error::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_sid_ends_new_and_old_connections() {
    let verifier = verifier();
    let token = hs256(&claims());
    let identity = verifier.verify(&token).unwrap();
    verifier.revocations().revoke("s1", Millis(NOW.0 + 4_000_000));
    assert_eq!(verifier.verify(&token), Err(Error::Revoked));
    assert_eq!(verifier.still_valid(&identity), Err(Error::Revoked));
    assert!(verifier.verify(&hs256(&with("sid", json!("s2")))).is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_a_key_or_with_a_short_one_nothing_starts() {
    let clock = Clock::starting_at(NOW);
    let none = Options { secret: None, ..options() };
    assert!(matches!(Verifier::new(none, clock.clone()), Err(KeyError::NoKeys)));
    let short = Options { secret: Some(SECRET[..31].to_vec()), ..options() };
    assert!(matches!(Verifier::new(short, clock), Err(KeyError::ShortSecret)));
    assert!(matches!(Minter::new("i", "a", &SECRET[..31]), Err(KeyError::ShortSecret)));
}

#[tokio::test(start_paused = true)]
async fn what_we_mint_we_verify() {
    let minter = Minter::new("hawker", "hawker", SECRET).unwrap();
    let grant = Grant {
        user: UserId::parse("u1").unwrap(),
        name: Some("Ann".to_owned()),
        roles: vec![Role::Service],
        shops: vec![ShopId::parse("acme").unwrap()],
        sid: None,
        ttl: SpanMs::hours(1),
    };
    let identity = verify(&minter.mint(&grant, NOW).unwrap()).unwrap();
    assert_eq!(identity.roles, BTreeSet::from([Role::Service]));
    assert_eq!(identity.expires_at, Millis(NOW.0 + 3_600_000));
    assert_eq!(verify(&minter.mint(&grant, Millis(0)).unwrap()), Err(Error::Expired));
}

#[test]
fn two_demo_secrets_differ() {
    let (one, other) = (random_secret().unwrap(), random_secret().unwrap());
    assert!(one.len() >= SECRET_BYTES_MIN && one != other);
}

mod jwks;

//! Keys from a file: one algorithm each, found by name in this table and nowhere else.

use std::io::Write as _;

use jsonwebtoken::jwk::Jwk;

use super::*;

const ED25519: &[u8] = include_bytes!("../test_keys/ed25519.pem");
const P256: &[u8] = include_bytes!("../test_keys/p256.pem");
const RSA2048: &[u8] = include_bytes!("../test_keys/rsa2048.pem");

struct Issuer {
    kid: &'static str,
    alg: Algorithm,
    key: EncodingKey,
}

fn issuers() -> [Issuer; 3] {
    keys::install_crypto();
    let issuer = |kid, alg, key: Result<EncodingKey, _>| Issuer { kid, alg, key: key.unwrap() };
    [
        issuer("ed", Algorithm::EdDSA, EncodingKey::from_ed_pem(ED25519)),
        issuer("ec", Algorithm::ES256, EncodingKey::from_ec_pem(P256)),
        issuer("rsa", Algorithm::RS256, EncodingKey::from_rsa_pem(RSA2048)),
    ]
}

impl Issuer {
    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.alg).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, header: &Value) -> String {
        signed(header, &claims(), self.alg, &self.key)
    }
}

fn file(keys: &[Value]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    file
}

fn verifier_of(
    file: &tempfile::NamedTempFile,
    secret: Option<&[u8]>,
) -> Result<Verifier, KeyError> {
    let jwks_file = Some(file.path().to_owned());
    let options = Options { secret: secret.map(<[u8]>::to_vec), jwks_file, ..options() };
    Verifier::new(options, Clock::starting_at(NOW))
}

#[tokio::test(start_paused = true)]
async fn a_key_of_each_kind_verifies_its_algorithm_and_no_other() {
    let issuers = issuers();
    let file = file(&issuers.each_ref().map(Issuer::jwk));
    let verifier = verifier_of(&file, None).unwrap();
    for issuer in &issuers {
        let alg = format!("{:?}", issuer.alg);
        let token = issuer.sign(&json!({ "alg": alg, "kid": issuer.kid }));
        assert!(verifier.verify(&token).is_ok(), "{alg}");
        for other in &issuers {
            let swapped = issuer.sign(&json!({ "alg": alg, "kid": other.kid }));
            let verified = verifier.verify(&swapped).is_ok();
            assert_eq!(verified, other.kid == issuer.kid, "{alg} as {}", other.kid);
        }
        let unknown = issuer.sign(&json!({ "alg": alg, "kid": "../../keys" }));
        assert_eq!(verifier.verify(&unknown), Err(Error::UnknownKey));
        let unnamed = issuer.sign(&json!({ "alg": alg }));
        assert_eq!(verifier.verify(&unnamed), Err(Error::UnknownKey), "which of three?");
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_key_is_not_a_secret_for_hs256() {
    let issuers = issuers();
    let file = file(&issuers.each_ref().map(Issuer::jwk));
    let verifier = verifier_of(&file, None).unwrap();
    for issuer in &issuers {
        let public = issuer.jwk();
        let public = public.get("x").or(public.get("n")).unwrap().as_str().unwrap();
        let as_secret = EncodingKey::from_secret(&BASE64.decode(public).unwrap());
        let header = json!({ "alg": "HS256", "kid": issuer.kid });
        let token = signed(&header, &claims(), Algorithm::HS256, &as_secret);
        assert_eq!(verifier.verify(&token), Err(Error::WrongAlgorithm));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_points_at_or_brings_its_own_key_is_not_followed() {
    let issuers = issuers();
    let file = file(&[issuers[0].jwk()]);
    let verifier = verifier_of(&file, None).unwrap();
    let brought = json!({
        "alg": "ES256", "jwk": issuers[1].jwk(), "jku": "https://evil.example/keys.json",
    });
    assert_eq!(verifier.verify(&issuers[1].sign(&brought)), Err(Error::WrongAlgorithm));
    let named = json!({ "alg": "ES256", "kid": "ec", "jwk": issuers[1].jwk() });
    assert_eq!(verifier.verify(&issuers[1].sign(&named)), Err(Error::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn the_secret_serves_tokens_without_a_name_beside_a_key_file() {
    let issuers = issuers();
    let file = file(&[issuers[0].jwk()]);
    let verifier = verifier_of(&file, Some(SECRET)).unwrap();
    assert!(verifier.verify(&hs256(&claims())).is_ok());
    let named = issuers[0].sign(&json!({ "alg": "EdDSA", "kid": "ed" }));
    assert!(verifier.verify(&named).is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_for_other_purposes_are_passed_over_and_weak_ones_refused() {
    let issuers = issuers();
    let [good, mut encryption, mut other] = issuers.each_ref().map(Issuer::jwk);
    encryption["use"] = json!("enc");
    other["alg"] = json!("RS512");
    let strange = json!({ "kty": "PQC", "kid": "new" });
    let usable = file(&[strange.clone(), encryption.clone(), other.clone(), good]);
    let verifier = verifier_of(&usable, None).unwrap();
    assert_eq!(verifier.keys.load().len(), 1);
    let useless = file(&[strange, encryption, other]);
    assert!(matches!(verifier_of(&useless, None), Err(KeyError::File { .. })));
    let short = json!({ "kty": "oct", "kid": "s", "k": BASE64.encode(&SECRET[..31]) });
    assert!(matches!(verifier_of(&file(&[short]), None), Err(KeyError::ShortSecret)));
}

#[tokio::test]
async fn a_changed_file_is_read_again_and_a_broken_one_leaves_the_old_keys() {
    let issuers = issuers();
    let token = |issuer: &Issuer| issuer.sign(&json!({ "alg": format!("{:?}", issuer.alg) }));
    let (first, second) = (token(&issuers[0]), token(&issuers[1]));
    let file = file(&[issuers[0].jwk()]);
    let verifier = Arc::new(verifier_of(&file, None).unwrap());
    assert!(verifier.verify(&first).is_ok());
    std::fs::write(file.path(), "{").unwrap();
    verifier.replace_keys();
    assert!(verifier.verify(&first).is_ok());
    let fresh = tokio::spawn(Arc::clone(&verifier).keep_keys_fresh());
    std::fs::write(file.path(), json!({ "keys": [issuers[1].jwk()] }).to_string()).unwrap();
    verifier.reload();
    while verifier.verify(&second).is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(verifier.verify(&first), Err(Error::WrongAlgorithm));
    fresh.abort();
}

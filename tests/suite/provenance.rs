//! Signatures: what GnuPG and Helm sign is verified here, and what is signed here by them; what was tampered with is not.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bowline::data::digest::Digest;
use bowline::package::provenance::{self, Algorithm, Keyring, NewKey, ProvenanceError, Signer, Verified};
use bowline::package::{PackOptions, Packed, pack};
use bowline::sys::{Random, Secret};

use crate::serving::{Running, chart};
use crate::support::gpg::Gpg;
use crate::support::helm::helm;
use crate::support::{Env, cases};

#[test]
fn cases_of_provenance() {
    cases::check("provenance");
}

/// When the keys of the tests are made.
const THEN: u64 = 1_700_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A key that was made here: both keyrings, the secret one opened.
struct Pair {
    secret: Vec<u8>,
    public: Vec<u8>,
}

impl Pair {
    fn new(name: &str, algorithm: Algorithm) -> Self {
        let key = NewKey { name: name.into(), algorithm, passphrase: Secret::default(), armor: false };
        let made = provenance::generate(
            &key,
            at(THEN),
            &Random::seeded(*name.as_bytes().first_chunk::<4>().unwrap()),
        )
        .unwrap();
        Pair { secret: made.secret.to_vec(), public: made.public }
    }

    fn signer(&self) -> Signer {
        Signer::find(ring(&self.secret).unwrap(), "example.com", at(THEN)).unwrap()
    }
}

fn ring(bytes: &[u8]) -> Result<Keyring, ProvenanceError> {
    Keyring::parse("ring", bytes.to_vec().into())
}

fn packed() -> Packed {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/hello");
    let chart = bowline::chart::load(&folder, &bowline::chart::Limits::default()).unwrap();
    pack(&chart, &PackOptions::default()).unwrap()
}

fn verify(packed: &Packed, text: &[u8], keys: &[u8], now: u64) -> Result<Verified, ProvenanceError> {
    provenance::verify(&packed.file_name, &packed.digest, text, &ring(keys).unwrap(), at(now))
}

#[test]
fn what_is_signed_is_verified_and_names_the_signer() {
    for algorithm in [Algorithm::Ed25519, Algorithm::Rsa(2048)] {
        let pair = Pair::new("Ada <ada@example.com>", algorithm);
        let packed = packed();
        let text = pair.signer().sign(&packed, at(THEN + 60), &Random::System).unwrap();
        let verified = verify(&packed, text.as_bytes(), &pair.public, THEN + 60).unwrap();
        assert_eq!(verified.signed_by[0].names, ["Ada <ada@example.com>"]);
        assert_eq!(verified.digest, packed.digest);
        // The secret keyring holds the public key too.
        assert_eq!(verify(&packed, text.as_bytes(), &pair.secret, THEN + 60).unwrap(), verified);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(verify(&packed, windows.as_bytes(), &pair.public, THEN + 60).unwrap(), verified);
    }
}

/// No byte of a provenance file counts for nothing: with any one changed it is refused, or says the same.
#[test]
fn a_changed_byte_is_never_accepted_as_something_else() {
    let pair = Pair::new("Ada <ada@example.com>", Algorithm::Ed25519);
    let packed = packed();
    let text = pair.signer().sign(&packed, at(THEN), &Random::System).unwrap().into_bytes();
    let honest = verify(&packed, &text, &pair.public, THEN).unwrap();
    let keys = ring(&pair.public).unwrap();
    let mut accepted = 0;
    for at_byte in 0..text.len() {
        let mut changed = text.clone();
        changed[at_byte] ^= 0x04;
        let found = provenance::verify(&packed.file_name, &packed.digest, &changed, &keys, at(THEN));
        if let Ok(found) = found {
            assert_eq!(found, honest, "byte {at_byte}");
            accepted += 1;
        }
        let other = Digest::of(b"another archive");
        assert!(provenance::verify(&packed.file_name, &other, &changed, &keys, at(THEN)).is_err());
    }
    // Only the checksum of the armor, and what an unsigned part says, may differ.
    assert!(accepted < 40, "{accepted} of {}", text.len());
}

#[test]
fn time_and_size_have_bounds() {
    let pair = Pair::new("Ada <ada@example.com>", Algorithm::Ed25519);
    let packed = packed();
    let text = pair.signer().sign(&packed, at(THEN + 1_000), &Random::System).unwrap();
    // A clock that is a little behind is no reason to refuse; one that is far behind is.
    assert!(verify(&packed, text.as_bytes(), &pair.public, THEN + 900).is_ok());
    let early = verify(&packed, text.as_bytes(), &pair.public, THEN + 500).unwrap_err();
    assert!(matches!(early, ProvenanceError::Untimely { .. }), "{early}");
    let before_key = verify(&packed, text.as_bytes(), &pair.public, THEN - 1).unwrap_err();
    assert!(before_key.is_unverified(), "{before_key}");
    let large = [text.as_bytes(), &vec![b'\n'; provenance::LIMIT as usize]].concat();
    assert!(matches!(verify(&packed, &large, &pair.public, THEN), Err(ProvenanceError::TooLarge { .. })));
}

#[test]
fn keyrings_that_are_cut_or_garbage_do_not_panic() {
    let pair = Pair::new("Ada <ada@example.com>", Algorithm::Ed25519);
    for end in 0..pair.public.len() {
        let _ = ring(&pair.public[..end]);
    }
    for at_byte in 0..pair.secret.len() {
        let mut changed = pair.secret.clone();
        changed[at_byte] ^= 0x81;
        if let Ok(keyring) = ring(&changed) {
            let _ = Signer::find(keyring, "example.com", at(THEN));
        }
    }
    for bytes in [&b""[..], b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"\xff\xff\xff\xff\xff", b"\x99\xff\xff"]
    {
        assert!(ring(bytes).is_err());
    }
}

#[test]
fn passphrases_open_keys_and_are_not_shown() {
    let key = NewKey {
        name: "Ada <ada@example.com>".into(),
        algorithm: Algorithm::Ed25519,
        passphrase: Secret::new("open sesame"),
        armor: true,
    };
    let made = provenance::generate(&key, at(THEN), &Random::System).unwrap();
    assert!(made.secret.starts_with(b"-----BEGIN PGP PRIVATE KEY BLOCK-----"));
    let mut signer = Signer::find(ring(&made.secret).unwrap(), "ada", at(THEN)).unwrap();
    assert!(signer.is_locked());
    let packed = packed();
    assert!(signer.sign(&packed, at(THEN), &Random::System).is_err());
    let wrong = signer.unlock(&Secret::new("open sesam")).unwrap_err();
    assert!(matches!(wrong, ProvenanceError::WrongPassphrase { .. }), "{wrong}");
    signer.unlock(&Secret::new("open sesame")).unwrap();
    assert!(!format!("{signer:?}{wrong:?}{key:?}").contains("sesam"));
    let text = signer.sign(&packed, at(THEN), &Random::System).unwrap();
    assert!(verify(&packed, text.as_bytes(), &made.public, THEN).is_ok());
}

#[test]
fn new_keys_are_in_files_that_only_their_owner_reads() {
    let env = Env::new();
    env.write("phrase", "open sesame\n");
    let made = env.run("keygen --name Ada --email ada@example.com -d keys --passphrase-file phrase").ok();
    assert!(made.stdout.starts_with("Key of Ada <ada@example.com>\nFingerprint: "), "{}", made.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(env.path("keys/secring.gpg")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = fs::read(env.path("keys/secring.gpg")).unwrap();
    let again = env.run("keygen --name Eve -d keys --no-passphrase").exits(1);
    assert!(again.stderr.contains("keys/secring.gpg is there already; no key was made"), "{}", again.stderr);
    assert_eq!(fs::read(env.path("keys/secring.gpg")).unwrap(), before);
    fs::remove_file(env.path("keys/secring.gpg")).unwrap();
    env.run("keygen --name Eve -d keys --no-passphrase").exits(1);
    assert!(!env.path("keys/secring.gpg").exists(), "half a pair stays");
    // From standard input, armored, RSA.
    env.run_with_input(
        "keygen --email r@example.com -d rsa --armor --algorithm rsa2048 --passphrase-file -",
        "x\n",
    )
    .ok();
    assert!(env.read("rsa/pubring.asc").starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
}

/// A folder with a chart, a key made here, and the archive signed with it.
fn signed_here(algorithm: &str) -> Env {
    let env = Env::new();
    env.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\nkeywords:\n- a\n");
    env.write("web/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n");
    env.write("phrase", "open sesame\n");
    let keygen =
        format!("keygen --name Ada --email ada@example.com --passphrase-file phrase --algorithm {algorithm}");
    env.run(&keygen).ok();
    env.run("package web --sign --key ada@example.com --keyring secring.gpg --passphrase-file phrase").ok();
    env
}

#[test]
fn gnupg_takes_keys_and_signatures_that_are_made_here() {
    for algorithm in ["ed25519", "rsa2048"] {
        let Some(gpg) = Gpg::new() else { return };
        let env = signed_here(algorithm);
        let path = |name: &str| env.path(name).display().to_string();
        gpg.ok(&["--import", &path("pubring.gpg")]);
        let told = gpg.ok(&["--verify", &path("web-0.1.0.tgz.prov")]);
        assert!(told.contains("Good signature from \"Ada <ada@example.com>\""), "{told}");
        // The secret key too, with its passphrase.
        gpg.ok(&["--passphrase", "open sesame", "--import", &path("secring.gpg")]);
        let text = path("signed");
        gpg.ok(&[
            "--passphrase",
            "open sesame",
            "-u",
            "ada",
            "-o",
            &text,
            "--clear-sign",
            &path("web/Chart.yaml"),
        ]);
        // GnuPG's own keybox has the key now.
        env.run(&format!("verify web-0.1.0.tgz --keyring {}", gpg.home().join("pubring.kbx").display())).ok();
        let env = env.with("GNUPGHOME", &gpg.home().display().to_string());
        let verified = env.run("verify web-0.1.0.tgz").ok();
        assert!(
            verified.stdout.starts_with("Signed by: Ada <ada@example.com>\nUsing Key With"),
            "{}",
            verified.stdout
        );
    }
}

/// Helm in an environment.
fn run_helm(helm: &Path, env: &Env, words: &[&str]) -> (bool, String) {
    let ran = Command::new(helm)
        .args(words)
        .current_dir(env.work())
        .env("HOME", env.home())
        .env_remove("GNUPGHOME")
        .output()
        .expect("Helm starts");
    let text = [&ran.stdout[..], &ran.stderr[..]].concat();
    (ran.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn helm_verifies_what_is_signed_here() {
    let Some(helm) = helm("helm4") else { return };
    for algorithm in ["ed25519", "rsa2048"] {
        let env = signed_here(algorithm);
        let ours = env.run("verify web-0.1.0.tgz --keyring pubring.gpg").ok();
        let (done, told) = run_helm(&helm, &env, &["verify", "web-0.1.0.tgz", "--keyring", "pubring.gpg"]);
        assert!(done, "{algorithm}: {told}");
        assert_eq!(told, ours.stdout);
        let template = ["template", "r", "web-0.1.0.tgz", "--verify", "--keyring", "pubring.gpg"];
        let (done, told) = run_helm(&helm, &env, &template);
        assert!(done && told.contains("kind: ConfigMap"), "{told}");
        // Helm signs with the key that was made here.
        let sign = ["package", "web", "--sign", "--key", "ada", "--keyring", "secring.gpg", "-d", "helms"];
        let (done, told) = run_helm(&helm, &env, &[&sign[..], &["--passphrase-file", "phrase"]].concat());
        assert!(done, "{told}");
        env.run("verify helms/web-0.1.0.tgz --keyring pubring.gpg").ok();
        // Both refuse an archive that was altered, in the same words.
        let archive = env.path("web-0.1.0.tgz");
        let mut bytes = fs::read(&archive).unwrap();
        bytes[4] ^= 1;
        fs::write(&archive, bytes).unwrap();
        let ours = env.run("verify web-0.1.0.tgz --keyring pubring.gpg").exits(7);
        let (done, told) = run_helm(&helm, &env, &["verify", "web-0.1.0.tgz", "--keyring", "pubring.gpg"]);
        assert!(!done);
        assert!(ours.stderr.starts_with(&told), "{told}{}", ours.stderr);
    }
}

#[test]
fn what_helm_signs_with_gnupgs_keys_is_verified() {
    let (Some(helm), Some(gpg)) = (helm("helm4"), Gpg::new()) else { return };
    let env = Env::new();
    env.write(
        "web/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndescription: \"ends in spaces  \"\n",
    );
    env.write("web/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n");
    for (name, kind) in [("rsa", "rsa2048"), ("ed", "ed25519")] {
        gpg.ok(&[
            "--passphrase",
            "",
            "--quick-generate-key",
            &format!("{name}@example.com"),
            kind,
            "sign,cert",
            "never",
        ]);
    }
    let path = |name: &str| env.path(name).display().to_string();
    gpg.ok(&["-o", &path("secring.gpg"), "--export-secret-keys"]);
    gpg.ok(&["-o", &path("pubring.gpg"), "--export"]);
    gpg.ok(&["-o", &path("pubring.asc"), "--armor", "--export"]);
    fs::copy(gpg.home().join("pubring.kbx"), env.path("pubring.kbx")).unwrap();
    for name in ["rsa", "ed"] {
        let sign = ["package", "web", "--sign", "--key", name, "--keyring", "secring.gpg", "-d", name];
        let (done, told) = run_helm(&helm, &env, &sign);
        assert!(done, "{told}");
        for ring in ["pubring.gpg", "pubring.asc", "pubring.kbx"] {
            let archive = format!("{name}/web-0.1.0.tgz");
            let ours = env.run(&format!("verify {archive} --keyring {ring}")).ok();
            let (done, told) = run_helm(&helm, &env, &["verify", &archive, "--keyring", ring]);
            assert!(done, "{name} {ring}: {told}");
            assert_eq!(told, ours.stdout, "{name} {ring}");
        }
    }
}

/// What is pulled, installed and brought in as a dependency is checked; a repository that lost the signature is told.
#[test]
fn repositories_hand_out_signatures() {
    let env = signed_here("ed25519");
    fs::create_dir(env.path("repo")).unwrap();
    for name in ["web-0.1.0.tgz", "web-0.1.0.tgz.prov"] {
        fs::rename(env.path(name), env.path("repo").join(name)).unwrap();
    }
    chart(&env.path("repo"), "plain", "1.0.0", "");
    env.run("repo index repo").ok();
    let server = Running::of(&env.path("repo"));
    let url = &server.url;
    env.run(&format!("repo add r {url}")).ok();
    let ring = "--verify --keyring pubring.gpg";
    let pulled = env.run(&format!("pull r/web {ring}")).ok();
    assert!(pulled.stdout.starts_with("Signed by: Ada <ada@example.com>\n"), "{}", pulled.stdout);
    assert!(env.path("web-0.1.0.tgz.prov").exists());
    env.run("pull r/web --prov -d prov").ok();
    assert!(env.path("prov/web-0.1.0.tgz.prov").exists());
    env.run(&format!("pull {url}/web-0.1.0.tgz {ring} --untar -d unpacked")).ok();
    assert!(env.path("unpacked/web/Chart.yaml").exists());
    env.run(&format!("template t r/web {ring}")).ok();
    env.run(&format!("install t r/web {ring}")).ok();
    let missing = env.run(&format!("pull r/plain {ring} -d not")).exits(7);
    assert!(missing.stderr.contains("could not load provenance file"), "{}", missing.stderr);
    assert!(!env.path("not").exists());
    env.run("pull r/plain --prov -d plain").ok();
    // Dependencies: update demands signatures, build checks those that are there.
    for (folder, name, version) in [("one", "web", "0.1.0"), ("two", "plain", "1.0.0")] {
        let needs = format!(
            "apiVersion: v2\nname: {folder}\nversion: 0.1.0\ndependencies:\n- name: {name}\n  version: {version}\n  repository: {url}\n"
        );
        env.write(&format!("{folder}/Chart.yaml"), &needs);
    }
    env.run(&format!("dependency update one {ring}")).ok();
    assert!(env.path("one/charts/web-0.1.0.tgz").exists());
    let refused = env.run(&format!("dependency update two {ring}")).exits(7);
    assert!(refused.stderr.contains("could not load provenance file"), "{}", refused.stderr);
    assert!(!env.path("two/charts").exists());
    env.run("dependency update two").ok();
    env.run(&format!("dependency build two {ring}")).ok();
    // The same version from where the archive was replaced after it was signed, index and all.
    env.write("web/values.yaml", "evil: true\n");
    env.run("package web -d evil").ok();
    fs::copy(env.path("repo/web-0.1.0.tgz.prov"), env.path("evil/web-0.1.0.tgz.prov")).unwrap();
    env.run("repo index evil").ok();
    let evil = Running::of(&env.path("evil"));
    env.run(&format!("repo add evil {}", evil.url)).ok();
    let needs = "apiVersion: v2\nname: three\nversion: 0.1.0\ndependencies:\n- {name: web, version: 0.1.0, repository: '@evil'}\n";
    env.write("three/Chart.yaml", needs);
    for line in [
        "pull evil/web -d bad",
        "template t evil/web",
        "upgrade t evil/web",
        "show all evil/web",
        "dependency build three",
    ] {
        let refused = env.run(&format!("{line} {ring}")).exits(7);
        assert!(refused.stderr.contains("sha256 sum does not match for web-0.1.0.tgz"), "{}", refused.stderr);
    }
    assert!(!env.path("bad").exists() && !env.path("three/charts").exists());
    env.run(&format!("package web --check {}/web-0.1.0.tgz", evil.url)).ok();
    env.run("package web --check evil/web").ok();
    let other = env.run("package web --check r/web").exits(2);
    assert!(other.stdout.contains("  added    values.yaml\n"), "{}", other.stdout);
    let Some(helm) = helm("helm4") else { return };
    let pull = ["pull", "web", "--repo", url, "--verify", "--keyring", "pubring.gpg", "-d", "helm"];
    fs::create_dir(env.path("helm")).unwrap();
    let (done, told) = run_helm(&helm, &env, &pull);
    assert!(done, "{told}");
    assert_eq!(told, pulled.stdout);
    assert!(env.path("helm/web-0.1.0.tgz.prov").exists());
    let pull = ["pull", "web", "--repo", &evil.url, "--verify", "--keyring", "pubring.gpg", "-d", "helm"];
    let (done, told) = run_helm(&helm, &env, &pull);
    assert!(!done && told.contains("sha256 sum does not match"), "{told}");
}

/// Archives of the system's tar, in each of its formats, are read.
#[test]
fn archives_of_tar_in_every_format_are_read() {
    let env = Env::new();
    let long = format!("web/templates/{}.yaml", "long-".repeat(15));
    env.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    env.write(&long, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n");
    let very_long = format!("web/files/{}/{}.txt", "d".repeat(90), "f".repeat(90));
    env.write(&very_long, "x");
    for format in ["v7", "ustar", "oldgnu", "gnu", "pax"] {
        let archive = format!("{format}.tgz");
        let mut tar = Command::new("tar");
        tar.args(["czf", &archive, "--format", format]);
        if format == "v7" {
            tar.args(["--exclude", "files"]);
        }
        let Ok(ran) = tar.arg("web").current_dir(env.work()).output() else {
            crate::support::skip::skipped("there is no tar");
            return;
        };
        if !ran.status.success() {
            crate::support::skip::skipped("this tar does not know the formats of GNU's");
            return;
        }
        let shown = env.run(&format!("template r {archive}")).ok();
        assert!(shown.stdout.contains(&format!("# Source: {long}\n")), "{format}: {}", shown.stdout);
    }
}

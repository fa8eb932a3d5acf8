//! Credentials: every source that the AWS command has, which one was used, and what to do where one does not help.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod dataset;

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::{Reply, Seen, Server, err, out, uploader};
use dataset::DatasetFixture;
use dataset::s3::{KEY, SECRET};
use serde_json::{Value, json};

const SESSION: &str = "arn:aws:iam::111122223333:user/someone";
/// 2100-01-01, in milliseconds.
const LATE_MS: u64 = 4_102_444_800_000;
const LATE: &str = "2100-01-01T00:00:00Z";
const PAST: &str = "2020-01-01T00:00:00Z";
/// Made for these tests, and good for nothing else.
const PROOF: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIDWeTREZ0Q2kWdZjWjfhkSlpUxNpTz3bgN9HxqTxApOSoAoGCCqGSM49\nAwEHoUQDQgAEnWR0i2O8hgvQt22ItHXiLftlNmzLdgkumuhUMVLlJMnYOqgYU2nL\nM2hkQoeM2xRCcnZBS2XMhVsUVa8deyCJ+w==\n-----END EC PRIVATE KEY-----\n";

/// An account's files, and an S3 that takes nobody's keys but the right ones.
struct Fixture {
    dataset: DatasetFixture,
    home: tempfile::TempDir,
}

impl Fixture {
    fn new(config: &str) -> Self {
        let fixture = Self { dataset: DatasetFixture::new().photos(1), home: tempfile::tempdir().unwrap() };
        fixture.write("config", config);
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What `aws login` leaves.
    fn login(&self, session: &str, keys: (&str, &str), expires: &str) {
        let token = json!({
            "accessToken": {
                "accessKeyId": keys.0,
                "secretAccessKey": keys.1,
                "sessionToken": "token",
                "accountId": "111122223333",
                "expiresAt": expires,
            },
            "tokenType": "aws_sigv4",
            "refreshToken": "again",
            "clientId": "arn:aws:signin:::devtools/same-device",
            "dpopKey": PROOF,
        });
        let name = format!(".aws/login/cache/{}.json", hex(&sha2::Sha256::digest(session)));
        self.write(&name, &token.to_string());
    }

    /// What `aws sso login` leaves. The name is the SHA-1 of the session's name, here `corp`.
    fn sso(&self, expires: &str) {
        let token = json!({"accessToken": "bearer", "expiresAt": expires, "region": "us-east-1"});
        self.write(".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json", &token.to_string());
    }

    fn command(&self, options: &[&str]) -> Command {
        let places = ["--bucket", "s3://photos-in/set", "--results", "s3://results/run", "--dry-run", "-v"];
        let endpoint = ["--endpoint-url", &self.dataset.server.endpoint()];
        let arguments = [&["bulk", self.dataset.folder()], &places[..], &endpoint[..], options].concat();
        let mut command = uploader(&arguments);
        command.env("HOME", self.home.path()).env("AWS_CONFIG_FILE", self.path("config"));
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.path("credentials"));
        // Nothing of this machine is asked through a proxy, credentials least of all.
        command.env("ALL_PROXY", "http://127.0.0.1:1");
        command
    }

    fn run(&self, environment: &[(&str, &str)]) -> Output {
        self.command(&[]).envs(environment.iter().copied()).output().unwrap()
    }

    fn finds(&self, environment: &[(&str, &str)], source: &str) {
        let output = self.run(environment);
        assert_eq!(output.status.code(), Some(0), "{environment:?}: {}{}", out(&output), err(&output));
        let line = format!("credentials         {source}\n");
        assert!(out(&output).contains(&line), "{line} is missing in {}", out(&output));
    }

    fn fails(&self, environment: &[(&str, &str)], says: &[&str]) {
        let before = self.dataset.server.count_all("GET");
        let output = self.run(environment);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(2), "{environment:?}: {}{said}", out(&output));
        for part in says {
            assert!(said.contains(part), "{part} is missing in {said}");
        }
        assert_eq!(self.dataset.server.count_all("GET"), before, "nothing is asked of S3");
    }
}

use sha2::Digest as _;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn config() -> String {
    format!(
        "[default]
region = us-east-1
[profile keys]
region = us-east-1
aws_access_key_id = {KEY}
aws_secret_access_key = {SECRET}
[profile dev]
region = us-east-1
login_session = {SESSION}
[profile child]
region = us-east-1
role_arn = arn:aws:iam::111122223333:role/r
source_profile = dev
[profile role]
region = us-east-1
role_arn = arn:aws:iam::111122223333:role/r
source_profile = keys
[profile sso]
region = us-east-1
sso_session = corp
sso_account_id = 111122223333
sso_role_name = r
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = us-east-1
"
    )
}

/// A service of AWS on this machine.
fn service(say: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Server, String) {
    let server = Server::start(move |seen, _| say(seen));
    let url = server.url().trim_end_matches('/').to_owned();
    (server, url)
}

fn keys_as(names: [&str; 4], expires: &Value) -> Value {
    json!({names[0]: KEY, names[1]: SECRET, names[2]: "token", names[3]: expires})
}

/// STS, which gives everybody the right keys.
fn sts(operation: &'static str) -> (Server, String) {
    service(move |_| {
        Reply::new(
            200,
            format!(
                "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>\
                 <Credentials><AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>\
                 <SessionToken>token</SessionToken><Expiration>{LATE}</Expiration></Credentials>\
                 </{operation}Result></{operation}Response>"
            ),
        )
        .with("content-type", "text/xml")
    })
}

#[test]
fn keys_of_the_environment_and_of_profiles() {
    let fixture = Fixture::new(&config());
    fixture.write("credentials", &format!("[filed]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"));
    let right = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    fixture.finds(&right, "environment");
    fixture.finds(&[("AWS_PROFILE", "keys")], "profile keys");
    fixture.finds(&[("AWS_DEFAULT_PROFILE", "keys")], "profile keys");
    fixture.finds(&[("AWS_PROFILE", "filed")], "profile filed");
    // AWS_PROFILE does not go before keys, --profile does.
    fixture.finds(&[&right[..], &[("AWS_PROFILE", "dev")]].concat(), "environment");
    let wrong = [("AWS_ACCESS_KEY_ID", "wrong"), ("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_PROFILE", "dev")];
    let output = fixture.command(&["--profile", "keys"]).envs(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("profile keys"), "{}", out(&output));
}

#[test]
fn a_profile_that_is_not_there_is_named_with_those_that_are() {
    let fixture = Fixture::new(&config());
    let says = ["\"nope\"", "available: child, default, dev, keys, role, sso"];
    fixture.fails(&[("AWS_PROFILE", "nope")], &says);
    fixture.fails(&[("AWS_PROFILE", "nope"), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)], &says);
    let output = fixture.command(&["--profile", "nope"]).env("AWS_PROFILE", "keys").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains(says[1]), "{}", err(&output));
    Fixture::new("").fails(&[("AWS_PROFILE", "nope")], &["\"nope\"", "no profiles in"]);
    fixture.fails(&[], &["no AWS credentials found", "AWS_PROFILE"]);
}

#[test]
fn the_session_of_aws_login_is_used() {
    let fixture = Fixture::new(&config());
    fixture.login(SESSION, (KEY, SECRET), LATE);
    fixture.finds(&[("AWS_PROFILE", "dev")], "profile dev (aws login)");
    let (_sts, url) = sts("AssumeRole");
    fixture.finds(&[("AWS_PROFILE", "child"), ("AWS_ENDPOINT_URL_STS", &url)], "profile child (assumed role)");
    // A folder of another place, as the AWS command knows it.
    let elsewhere = fixture.path("elsewhere");
    std::fs::rename(fixture.path(".aws/login/cache"), &elsewhere).unwrap();
    fixture.fails(&[("AWS_PROFILE", "dev")], &["run aws login"]);
    let elsewhere = elsewhere.to_str().unwrap();
    fixture.finds(&[("AWS_PROFILE", "dev"), ("AWS_LOGIN_CACHE_DIRECTORY", elsewhere)], "profile dev (aws login)");
}

#[test]
fn a_session_of_aws_login_that_is_old_is_renewed() {
    let fixture = Fixture::new(&config());
    fixture.login(SESSION, ("old", "old"), PAST);
    let (server, url) = service(|_| {
        let keys = json!({"accessKeyId": KEY, "secretAccessKey": SECRET, "sessionToken": "token"});
        Reply::json(
            200,
            &json!({"accessToken": keys, "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "next"}),
        )
    });
    fixture.finds(&[("AWS_PROFILE", "dev"), ("AWS_ENDPOINT_URL_SIGNIN", &url)], "profile dev (aws login)");
    let asked = server.seen();
    assert!(asked[0].headers.contains_key("dpop"), "{asked:?}");
    // What was renewed is kept: nobody is asked again.
    fixture.finds(&[("AWS_PROFILE", "dev")], "profile dev (aws login)");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn without_a_session_of_aws_login_it_says_how_to_get_one() {
    let with_default = format!("[default]\nlogin_session = {SESSION}");
    let fixture = Fixture::new(&config().replace("[default]", &with_default));
    fixture.fails(&[], &["run aws login\n", "\"default\""]);
    for profile in ["dev", "child"] {
        fixture.fails(&[("AWS_PROFILE", profile)], &["run aws login --profile dev", "No such file"]);
    }
    fixture.login(SESSION, ("old", "old"), PAST);
    let (_server, url) = service(|_| {
        Reply::json(400, &json!({"error": "TOKEN_EXPIRED", "message": "over"}))
            .with("x-amzn-errortype", "AccessDeniedException")
    });
    let environment = [("AWS_PROFILE", "dev"), ("AWS_ENDPOINT_URL_SIGNIN", url.as_str())];
    fixture.fails(&environment, &["run aws login --profile dev", "Your session has expired"]);
    // Nobody is told to sign in again because the network is down.
    let nowhere = [("AWS_PROFILE", "dev"), ("AWS_ENDPOINT_URL_SIGNIN", "https://name.invalid")];
    fixture.fails(&nowhere, &["cannot get the AWS credentials", "proxy http://127.0.0.1:1 (ALL_PROXY)"]);
    fixture.write(&format!(".aws/login/cache/{}.json", hex(&sha2::Sha256::digest(SESSION))), "{");
    fixture.fails(&[("AWS_PROFILE", "dev")], &["run aws login --profile dev"]);
}

#[test]
fn sso_sessions_are_used_and_renewed_by_hand() {
    let fixture = Fixture::new(&config());
    let (portal, url) = service(|_| {
        let keys = keys_as(["accessKeyId", "secretAccessKey", "sessionToken", "expiration"], &json!(LATE_MS));
        Reply::json(200, &json!({"roleCredentials": keys}))
    });
    let environment = [("AWS_PROFILE", "sso"), ("AWS_ENDPOINT_URL_SSO", url.as_str())];
    let says = ["run aws sso login --profile sso"];
    fixture.fails(&environment, &says);
    fixture.sso(PAST);
    fixture.fails(&environment, &says);
    assert_eq!(portal.seen().len(), 0);
    fixture.sso(LATE);
    let (_portal, refusing) = service(|_| {
        Reply::json(401, &json!({"message": "Session token not found or invalid"}))
            .with("x-amzn-errortype", "UnauthorizedException")
    });
    fixture.fails(&[("AWS_PROFILE", "sso"), ("AWS_ENDPOINT_URL_SSO", &refusing)], &[says[0], "not found or invalid"]);
    fixture.finds(&environment, "profile sso (SSO)");
    assert_eq!(portal.seen()[0].headers["x-amz-sso_bearer_token"], "bearer");
}

#[test]
fn processes_give_credentials_or_say_why_not() {
    let fixture = Fixture::new("");
    let script = fixture.write(
        "give",
        &format!(
            "#!/bin/sh\necho '{{\"Version\": 1, \"AccessKeyId\": \"{KEY}\", \"SecretAccessKey\": \"{SECRET}\"}}'\n"
        ),
    );
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let process = |command: &str| {
        fixture.write("config", &format!("[profile p]\nregion = us-east-1\ncredential_process = {command}\n"));
    };
    process(script.to_str().unwrap());
    fixture.finds(&[("AWS_PROFILE", "p")], "profile p (process)");
    let fixture = Fixture::new(
        "[profile p]\nregion = us-east-1\ncredential_process = /bin/sh -c 'echo no smart card >&2; exit 1'\n",
    );
    fixture.fails(&[("AWS_PROFILE", "p")], &["profile \"p\"", "no smart card"]);
}

#[test]
fn roles_are_assumed() {
    let fixture = Fixture::new(&config());
    let (server, url) = sts("AssumeRole");
    fixture.finds(&[("AWS_PROFILE", "role"), ("AWS_ENDPOINT_URL_STS", &url)], "profile role (assumed role)");
    let asked = String::from_utf8(server.seen()[0].body.to_vec()).unwrap();
    assert!(asked.contains("Action=AssumeRole&") && asked.contains("role%2Fr"), "{asked}");
    let (_server, refusing) = service(|_| {
        Reply::new(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>",
        )
    });
    fixture
        .fails(&[("AWS_PROFILE", "role"), ("AWS_ENDPOINT_URL_STS", &refusing)], &["profile \"role\"", "not for you"]);
}

#[test]
fn web_identities_are_exchanged() {
    let fixture = Fixture::new(&config());
    let token = fixture.write("token", "identity");
    let (server, url) = sts("AssumeRoleWithWebIdentity");
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r"),
        ("AWS_ENDPOINT_URL_STS", &url),
    ];
    fixture.finds(&environment, "web identity");
    let asked = String::from_utf8(server.seen()[0].body.to_vec()).unwrap();
    assert!(asked.contains("WebIdentityToken=identity"), "{asked}");
}

#[test]
fn containers_and_instances_are_asked_directly() {
    let fixture = Fixture::new(&config());
    let (server, url) = service(|_| {
        Reply::json(200, &keys_as(["AccessKeyId", "SecretAccessKey", "Token", "Expiration"], &json!(LATE)))
    });
    let at = format!("{url}/keys");
    let environment =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", at.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "mine")];
    fixture.finds(&environment, "container");
    assert_eq!(server.seen()[0].headers["authorization"], "mine");

    let (server, url) = service(|seen| {
        let keys = keys_as(["AccessKeyId", "SecretAccessKey", "Token", "Expiration"], &json!(LATE));
        match (seen.method.as_str(), seen.target.as_str()) {
            ("PUT", "/latest/api/token") => {
                Reply::new(200, "key").with("x-aws-ec2-metadata-token-ttl-seconds", "21600")
            }
            ("GET", path) if path.ends_with("/r") => {
                let mut keys = keys;
                keys["Code"] = json!("Success");
                keys["AccountId"] = json!("111122223333");
                Reply::json(200, &keys)
            }
            ("GET", path) if path.contains("security-credentials") => Reply::new(200, "r"),
            _ => Reply::new(404, ""),
        }
    });
    let environment = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), ("AWS_EC2_METADATA_DISABLED", "false")];
    fixture.finds(&environment, "instance metadata");
    let (_refusing, refusing) = service(|_| Reply::new(403, ""));
    let nowhere = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", refusing.as_str()), ("AWS_EC2_METADATA_DISABLED", "false")];
    Fixture::new("").fails(&nowhere, &["no AWS credentials found", "IMDS"]);
    assert!(
        server.seen().iter().any(|seen| seen.headers.get("x-aws-ec2-metadata-token").is_some_and(|key| key == "key"))
    );
}

#[test]
fn signed_requests_have_the_same_sources() {
    let fixture = Fixture::new(&config());
    let function = Server::start(|_, _| Reply::json(200, &common::cat()));
    let detect = |profile: &str| {
        let mut command =
            uploader(&["detect", fixture.dataset.folder(), "--url", &function.url(), "--sign", "us-east-1", "-v"]);
        command.env("HOME", fixture.home.path()).env("AWS_CONFIG_FILE", fixture.path("config"));
        command.env("AWS_PROFILE", profile).output().unwrap()
    };
    let output = detect("dev");
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("run aws login --profile dev"), "{}", err(&output));
    let output = detect("nope");
    assert!(err(&output).contains("available: child, default, dev"), "{}", err(&output));
    fixture.login(SESSION, (KEY, SECRET), LATE);
    let output = detect("dev");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("credentials         profile dev (aws login)"), "{}", out(&output));
    assert!(function.seen()[0].headers["authorization"].contains(&format!("Credential={KEY}/")));
}

//! Whose certificates are trusted: one rule for every connection of this program.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// A file that cannot be read.
    #[error("{named}: cannot read {} ({reason})", path.display())]
    Unreadable { named: String, path: PathBuf, reason: io::Error },
    /// A file or a folder without what it was named for.
    #[error("{named}: no PEM certificates in {}{why}", path.display())]
    Empty { named: String, path: PathBuf, why: String },
    /// A system without a store.
    #[error("no trusted certificates on this machine; install ca-certificates, or set SSL_CERT_FILE{0}")]
    NoRoots(String),
    /// TLS that cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The certificate authorities that are trusted, and who said so.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub(super) roots: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
    from: String,
}

impl Trust {
    /// `AWS_CA_BUNDLE`, else `ca_bundle` of the AWS profile, else `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's
    /// store; the first that is there counts alone. `profile` is the profile's name where the command line gives one.
    ///
    /// # Errors
    /// When what is named cannot be read or holds no certificate. A system without a store is none yet: whoever needs no
    /// TLS needs no store.
    pub(crate) async fn find(profile: Option<&str>) -> Result<Self, TrustError> {
        if let Some(path) = variable("AWS_CA_BUNDLE") {
            return Self::bundle("AWS_CA_BUNDLE".to_owned(), path.into());
        }
        if let Some((named, path)) = of_profile(profile).await {
            return Self::bundle(named, path);
        }
        match (variable("SSL_CERT_FILE").map(PathBuf::from), folders()) {
            (None, None) => Ok(Self::system()),
            (file, folders) => Self::files(file.as_deref(), folders.unwrap_or_default()),
        }
    }

    /// One file, as the AWS command takes it.
    fn bundle(named: String, path: PathBuf) -> Result<Self, TrustError> {
        let pem = match std::fs::read(&path) {
            Ok(pem) => pem,
            Err(reason) => return Err(TrustError::Unreadable { named, path, reason }),
        };
        let (certificates, broken): (Vec<_>, Vec<_>) = CertificateDer::pem_slice_iter(&pem).partition(Result::is_ok);
        let why = broken.into_iter().find_map(Result::err).map(|error| format!(" ({error})")).unwrap_or_default();
        let trust = Self::of(certificates.into_iter().flatten(), format!("{named}, {}", path.display()));
        if trust.is_empty() { Err(TrustError::Empty { named, path, why }) } else { Ok(trust) }
    }

    /// A file and folders, as OpenSSL takes them.
    fn files(file: Option<&Path>, folders: Vec<PathBuf>) -> Result<Self, TrustError> {
        let mut certificates = Vec::new();
        let mut names = Vec::new();
        if let Some(file) = file {
            certificates = Self::bundle("SSL_CERT_FILE".to_owned(), file.to_owned())?.certificates;
            names.push(format!("SSL_CERT_FILE, {}", file.display()));
        }
        let mut errors = Vec::new();
        for folder in &folders {
            let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
            certificates.extend(found.certs);
            errors.extend(found.errors);
            names.push(format!("SSL_CERT_DIR, {}", folder.display()));
        }
        let trust = Self::of(certificates, names.join("; "));
        match folders.into_iter().next() {
            Some(path) if trust.is_empty() => {
                let why = errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
                Err(TrustError::Empty { named: "SSL_CERT_DIR".to_owned(), path, why })
            }
            _ => Ok(trust),
        }
    }

    fn system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        Self::of(found.certs, format!("system store{why}"))
    }

    /// Those among `certificates` that can be read; a store of many years has some that cannot.
    fn of(certificates: impl IntoIterator<Item = CertificateDer<'static>>, from: String) -> Self {
        let mut roots = RootCertStore::empty();
        let certificates = certificates.into_iter().filter(|found| roots.add(found.clone()).is_ok()).collect();
        Self { roots, certificates, from }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// Who named them, and where they lie.
    pub(crate) fn from(&self) -> &str {
        &self.from
    }

    /// All of them as PEM, for those who read nothing else.
    pub(crate) fn pem(&self) -> Vec<u8> {
        use base64::Engine as _;
        let encode = |certificate: &CertificateDer<'_>| {
            let text = base64::engine::general_purpose::STANDARD.encode(certificate);
            let lines: String =
                text.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
            format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
        };
        self.certificates.iter().map(encode).collect::<String>().into_bytes()
    }
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn folders() -> Option<Vec<PathBuf>> {
    let folders: Vec<_> =
        env::split_paths(&variable("SSL_CERT_DIR")?).filter(|folder| !folder.as_os_str().is_empty()).collect();
    (!folders.is_empty()).then_some(folders)
}

#[cfg(feature = "aws")]
async fn of_profile(name: Option<&str>) -> Option<(String, PathBuf)> {
    crate::profile::ca_bundle(name).await
}

/// Without AWS there are no profiles.
#[cfg(not(feature = "aws"))]
async fn of_profile(_name: Option<&str>) -> Option<(String, PathBuf)> {
    None
}

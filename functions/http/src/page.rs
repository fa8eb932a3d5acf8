//! The page at `GET /`: the files in `page/` as one document that asks nobody for anything.
//!
//! Each file stays a plain style sheet or JavaScript module, which a browser also runs as it is. They become one here:
//! the modules in the order of [`MODULES`], each after what it imports, without their import and export words. So an
//! import is one line, and no two modules have the same name at their top level (which browsers refuse).

use std::io::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use sha2::{Digest, Sha256};

const DOCUMENT: &str = include_str!("../page/index.html");
const STYLE: &str = concat!(include_str!("../page/style.css"), include_str!("../page/grid.css"));
const MODULES: [&str; 18] = [
    include_str!("../page/elements.js"),
    include_str!("../page/token.js"),
    include_str!("../page/function.js"),
    include_str!("../page/choice.js"),
    include_str!("../page/photo.js"),
    include_str!("../page/layout.js"),
    include_str!("../page/overlay.js"),
    include_str!("../page/boxes.js"),
    include_str!("../page/viewer.js"),
    include_str!("../page/save.js"),
    include_str!("../page/zip.js"),
    include_str!("../page/timings.js"),
    include_str!("../page/filters.js"),
    include_str!("../page/grid.js"),
    include_str!("../page/card.js"),
    include_str!("../page/controls.js"),
    include_str!("../page/gallery.js"),
    include_str!("../page/main.js"),
];

/// The photo to try the page with: skimage's `coffee` (Rachel Michetti for Pikolo Espresso Bar), whose photographer gave it
/// to the public domain (CC0), as JPEG of quality 85.
const SAMPLE: &[u8] = include_bytes!("../page/sample.jpg");

/// What stands in the document where the files come in.
const STYLE_LINKS: &str = "<link rel=\"stylesheet\" href=\"style.css\">\n<link rel=\"stylesheet\" href=\"grid.css\">";
const SCRIPT_LINK: &str = r#"<script type="module" src="main.js"></script>"#;

/// Made at the first request for it: a function that only detects does not pay for it.
static PAGE: LazyLock<Page> = LazyLock::new(Page::assemble);

struct Page {
    html: Bytes,
    /// Empty where compressing failed.
    gzip: Bytes,
    policy: String,
    etag: String,
}

impl Page {
    fn assemble() -> Self {
        let script = bundle(&MODULES);
        let html = DOCUMENT.replacen(STYLE_LINKS, &format!("<style>{STYLE}</style>"), 1).replacen(
            SCRIPT_LINK,
            &format!(r#"<script type="module">{script}</script>"#),
            1,
        );
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; img-src blob: data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            source(&script),
            source(STYLE),
        );
        let etag = format!("W/\"{}\"", STANDARD.encode(&Sha256::digest(&html)[..12]));
        Self { gzip: compressed(html.as_bytes()).unwrap_or_default().into(), html: html.into(), policy, etag }
    }
}

/// The page, as the client takes it; 304 where it has it.
pub(crate) fn answer(request: &HeaderMap) -> Response<Bytes> {
    let page = &*PAGE;
    let has = |value: &HeaderValue| value.to_str().is_ok_and(|tags| tags.contains(&page.etag) || tags.trim() == "*");
    let mut response = if request.get(IF_NONE_MATCH).is_some_and(has) {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else if takes_gzip(request) && !page.gzip.is_empty() {
        let mut response = Response::new(page.gzip.clone());
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        Response::new(page.html.clone())
    };
    let fixed: [(HeaderName, &str); 7] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        // Always asked for again: a new version shows at once, the same one costs a 304.
        (CACHE_CONTROL, "no-cache"),
        (VARY, "Accept-Encoding"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, &page.policy),
        (ETAG, &page.etag),
    ];
    for (name, value) in fixed {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The sample photo.
pub(crate) fn sample() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(SAMPLE));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    response
}

/// True where `Accept-Encoding` names gzip, or everything, and not with a weight of 0.
fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
        matches!(name.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip" | "*") && weight != Some(0.0)
    })
}

/// The modules as one.
fn bundle(modules: &[&str]) -> String {
    let mut script = String::from("\n");
    for line in modules.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import ")) {
        script.push_str(line.strip_prefix("export ").unwrap_or(line));
        script.push('\n');
    }
    script
}

/// A text as a source of a Content-Security-Policy.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn asked(name: HeaderName, value: &str) -> Response<Bytes> {
        answer(&HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn everything_is_inside() {
        let html = std::str::from_utf8(&PAGE.html).unwrap();
        assert!(!html.contains(STYLE_LINKS) && !html.contains(SCRIPT_LINK));
        assert_eq!(html.matches("</script>").count(), 1, "a module must not end the script");
        assert_eq!(html.matches("</style>").count(), 1);
        assert!(!html.contains("\nexport ") && !html.contains("\nimport "));
    }

    #[test]
    fn every_file_of_the_page_is_in_the_list() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let scripts = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let scripts = scripts.filter(|path| path.extension().is_some_and(|kind| kind == "js"));
        let there: BTreeSet<String> = scripts.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        assert_eq!(there, MODULES.map(str::to_owned).into());
    }

    #[test]
    fn modules_come_after_what_they_import() {
        let mut names = BTreeSet::new();
        for module in MODULES {
            for import in module.lines().filter(|line| line.starts_with("import ")) {
                for name in import.split(['{', '}']).nth(1).unwrap().split(',') {
                    assert!(names.contains(name.trim()), "{import}");
                }
            }
            for export in module.lines().filter_map(|line| line.strip_prefix("export ")) {
                let name = export.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
                let mut words = name.skip_while(|word| matches!(*word, "async" | "function" | "const" | "class"));
                assert!(names.insert(words.next().unwrap().to_owned()), "{export}");
            }
        }
    }

    #[test]
    fn compressed_for_those_who_take_it() {
        assert!(PAGE.gzip.len() <= 60 * 1024, "{} bytes", PAGE.gzip.len());
        for (accepted, gzip) in
            [("gzip, br", true), ("GZIP;q=0.5", true), ("*", true), ("gzip;q=0", false), ("br", false)]
        {
            let response = asked(ACCEPT_ENCODING, accepted);
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), gzip, "{accepted}");
        }
        assert_eq!(asked(ACCEPT_ENCODING, "identity").body(), &PAGE.html);
    }

    #[test]
    fn unchanged_is_304() {
        assert_eq!(asked(IF_NONE_MATCH, &PAGE.etag).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(asked(IF_NONE_MATCH, "W/\"other\"").status(), StatusCode::OK);
    }
}

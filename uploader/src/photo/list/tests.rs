//! What paths and lists come to.

use super::*;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00";

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(tree.path().join("b/c")).unwrap();
    for name in ["b/2.jpg", "b/10.jpg", "b/c/disguised.txt", "a.jpg"] {
        std::fs::write(tree.path().join(name), JPEG).unwrap();
    }
    std::fs::write(tree.path().join("b/notes.jpg"), "no photo").unwrap();
    tree
}

fn names(root: &Path, listing: &Listing) -> Vec<String> {
    listing
        .found
        .iter()
        .map(|found| found.path.strip_prefix(root).unwrap_or(&found.path).display().to_string())
        .collect()
}

fn look(paths: &[PathBuf], stdin: &[u8]) -> Result<Listing, ListError> {
    find(&Request { paths: paths.to_vec(), ..Request::default() }, &mut &*stdin)
}

fn code(found: &Found) -> &str {
    match &found.source {
        Source::Fault { error, .. } => &error.code,
        _ => "ok",
    }
}

#[test]
fn folders_are_searched_in_order_and_only_for_photos() {
    let tree = tree();
    let listing = look(&[tree.path().join("b")], b"").unwrap();
    assert_eq!(names(tree.path(), &listing), ["b/10.jpg", "b/2.jpg", "b/c/disguised.txt"]);
    assert_eq!(listing.skipped.to_string(), "1 file is not a photo: 1 text");
}

#[test]
fn globs_match_and_a_named_file_is_always_taken() {
    let tree = tree();
    let listing = look(&[tree.path().join("b/*.jpg")], b"").unwrap();
    assert_eq!(names(tree.path(), &listing), ["b/10.jpg", "b/2.jpg"]);
    let listing = look(&[tree.path().join("b/notes.jpg")], b"").unwrap();
    assert_eq!(names(tree.path(), &listing), ["b/notes.jpg"]);
}

#[test]
fn names_are_those_inside_the_folder_given() {
    let tree = tree();
    let listing = look(&[tree.path().join("b"), tree.path().join("*.jpg")], b"").unwrap();
    let names: Vec<_> = listing.found.iter().map(|found| found.name.display().to_string()).collect();
    assert_eq!(names, ["10.jpg", "2.jpg", "c/disguised.txt", "a.jpg"]);
}

#[test]
fn a_list_names_files_and_folders_and_each_is_meant_once() {
    let tree = tree();
    let folder = tree.path().join("b/c").display().to_string();
    let list = format!("gone.jpg\r\n\n{folder}\n{folder}/disguised.txt\n");
    let listing = look(&[PathBuf::from("-")], list.as_bytes()).unwrap();
    assert_eq!(names(tree.path(), &listing), ["gone.jpg", "b/c/disguised.txt"]);
    assert_eq!(code(&listing.found[0]), "unreadable");
    let file = tree.path().join("list");
    std::fs::write(&file, format!("{}\n", tree.path().join("a.jpg").display())).unwrap();
    let request = Request { lists: vec![file.clone()], ..Request::default() };
    let listing = find(&request, &mut io::empty()).unwrap();
    assert_eq!((names(tree.path(), &listing), listing.lists), (vec!["a.jpg".to_owned()], vec![file]));
}

#[test]
fn what_leads_nowhere_is_named_and_ends_only_a_run_that_has_nothing_else() {
    let tree = tree();
    let error = look(&[tree.path().join("nothing/*.png")], b"").unwrap_err();
    assert!(error.to_string().contains("nothing/*.png"), "{error}");
    let error = look(&[tree.path().join("gone.jpg")], b"").unwrap_err();
    assert!(matches!(error, ListError::Missing(_)), "{error}");
    let listing = look(&[tree.path().join("gone.jpg"), tree.path().join("a.jpg")], b"").unwrap();
    assert_eq!(listing.found.iter().map(code).collect::<Vec<_>>(), ["unreadable", "ok"]);
    std::fs::create_dir(tree.path().join("empty")).unwrap();
    std::fs::write(tree.path().join("empty/x"), "").unwrap();
    let error = look(&[tree.path().join("empty")], b"").unwrap_err();
    assert!(error.to_string().contains("1 file is not a photo: 1 empty"), "{error}");
    assert!(matches!(look(&["-".into()], b" \n\n"), Err(ListError::Empty(..))));
}

#[test]
fn urls_are_told_what_to_do_instead() {
    for url in ["https://example.com/a.jpg", "s3://bucket/a.jpg", "HTTP://h/"] {
        let request = Request { paths: vec![url.into()], instead_of_urls: "pipe it", ..Request::default() };
        let error = find(&request, &mut io::empty()).unwrap_err();
        assert!(error.to_string().contains(url) && error.to_string().contains("pipe it"), "{error}");
    }
}

#[test]
fn places_of_s3_are_paths_for_whoever_can_fetch_them() {
    let request = |url: &str| Request { paths: vec![url.into()], objects: true, ..Request::default() };
    let found = find(&request("s3://bucket/in/a.jpg"), &mut io::empty()).unwrap().found;
    assert_eq!(found[0].source, Source::Place("s3://bucket/in/a.jpg".parse().unwrap()));
    let error = find(&request("s3:///a.jpg"), &mut io::empty()).unwrap_err().to_string();
    assert!(error.contains("expected s3://bucket/prefix"), "{error}");
}

#[cfg(unix)]
#[test]
fn bad_entries_are_found_with_their_error() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let tree = tree();
    let b = tree.path().join("b");
    symlink("/nowhere", b.join("broken.jpg")).unwrap();
    symlink(&b, b.join("c/up")).unwrap();
    symlink(b.join("y"), b.join("x")).unwrap();
    symlink(b.join("x"), b.join("y")).unwrap();
    let odd = b.join(std::ffi::OsStr::from_bytes(b"caf\xe9.jpg"));
    std::fs::write(&odd, JPEG).unwrap();
    let mut listing = look(std::slice::from_ref(&b), b"").unwrap();
    listing.refuse_names_that_are_no_text();
    let mut found: Vec<(String, &str)> =
        listing.found.iter().map(|found| (found.name.display().to_string(), code(found))).collect();
    found.sort();
    let expected = [
        ("10.jpg", "ok"),
        ("2.jpg", "ok"),
        ("broken.jpg", "broken_link"),
        ("c/disguised.txt", "ok"),
        ("c/up", "link_loop"),
        ("caf\u{fffd}.jpg", "invalid_name"),
        ("x", "link_loop"),
        ("y", "link_loop"),
    ];
    assert_eq!(found, expected.map(|(name, code)| (name.to_owned(), code)));
    // Named outright, it is the same.
    let listing = look(&[b.join("broken.jpg")], b"").unwrap();
    assert_eq!((listing.found.len(), code(&listing.found[0])), (1, "broken_link"));
}

#[test]
fn drawn_photos_are_left_out_unless_their_folder_is_named() {
    let tree = tree();
    let image = image::RgbImage::new(8, 8);
    let drawn = super::super::mark::marked(detector::annotate::jpeg(&image, 90).unwrap());
    std::fs::create_dir(tree.path().join("out")).unwrap();
    std::fs::write(tree.path().join("out/a.jpg"), drawn).unwrap();
    let listing = look(&[tree.path().to_owned()], b"").unwrap();
    assert!(!names(tree.path(), &listing).contains(&"out/a.jpg".to_owned()));
    assert!(
        listing.skipped.to_string().contains("1 photo with boxes drawn by an earlier run, in "),
        "{}",
        listing.skipped
    );
    for named in ["out", "out/*.jpg", "out/a.jpg"] {
        let listing = look(&[tree.path().join(named)], b"").unwrap();
        assert_eq!(names(tree.path(), &listing), ["out/a.jpg"], "{named}");
    }
    assert!(names(tree.path(), &look(&[tree.path().join("**/*.jpg")], b"").unwrap()).len() == 3);
}

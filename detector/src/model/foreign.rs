//! Files that are given for ONNX graphs and are something else: what they are, and the way from there to one.

use std::io::Read;
use std::path::Path;

/// So many bytes of a file are looked at.
const LOOKED_AT: u64 = 512;

/// Why `path` is no ONNX graph that can be loaded, in words that go on from "cannot be loaded: "; `complaint` is ONNX
/// Runtime's.
pub(crate) fn explained(path: &Path, complaint: &str) -> String {
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
    if let Err(error) = read {
        return error.to_string();
    }
    if let Some(kind) = kind(path, &start) {
        return kind.to_owned();
    }
    if complaint.contains("xternal data") || complaint.contains("external initializer") {
        return format!(
            "its weights lie in a file of their own, which must be beside it under the name that it had when the graph was \
             written ({complaint})"
        );
    }
    if complaint.contains("rotobuf parsing failed") {
        return "it is no ONNX graph, or not all of one: fetch or export it again".to_owned();
    }
    complaint.to_owned()
}

/// What a file is that begins with `start`, and what to do with it.
fn kind(path: &Path, start: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let text = start.trim_ascii_start();
    Some(match extension.as_str() {
        _ if start.is_empty() => "it is empty (0 bytes)",
        _ if at(0, b"version https://git-lfs") => {
            "it is a Git LFS pointer, not the model itself; `git lfs pull` fetches that"
        }
        _ if at(4, b"TFL3") => {
            "it is a TensorFlow Lite model; `python -m tf2onnx.convert --tflite MODEL.tflite --output model.onnx` makes an \
             ONNX graph of it"
        }
        _ if at(4, b"ORTM") => "it is in ONNX Runtime's own format; give the .onnx file that it was made from",
        _ if at(0, b"PK\x03\x04") || at(0, b"\x80\x02") || matches!(extension.as_str(), "pt" | "pth") => {
            "it is a PyTorch checkpoint; `yolo export model=MODEL.pt format=onnx` (Ultralytics), or the export script of the \
             project that it comes from, makes an ONNX graph of it"
        }
        _ if at(0, b"\x89HDF\r\n") || extension == "keras" => {
            "it is a Keras model; save it as a SavedModel, and `python -m tf2onnx.convert --saved-model DIR --output \
             model.onnx` makes an ONNX graph of it"
        }
        "engine" | "plan" | "trt" => {
            "it is a TensorRT engine, which runs on the graphics card it was built for; give the .onnx file that it was \
             built from"
        }
        _ if at(0, b"ftrt") || at(0, b"ptrt") => {
            "it is a TensorRT engine, which runs on the graphics card it was built for; give the .onnx file that it was \
             built from"
        }
        "safetensors" => "it holds weights without a graph (safetensors); export the model to ONNX where it is trained",
        "pb" => {
            "it is a TensorFlow graph; `python -m tf2onnx.convert --saved-model DIR --output model.onnx` makes an ONNX graph \
             of it"
        }
        "pdmodel" | "pdiparams" => {
            "it is a Paddle model; `paddle2onnx --model_dir DIR --save_file model.onnx` makes an ONNX graph of it"
        }
        "xml" | "bin" => "it is a part of an OpenVINO model; give the .onnx file that it was made from",
        "param" | "mnn" | "mlmodel" | "mlpackage" => {
            "it is made for another runtime; give the .onnx file that it was made from"
        }
        _ if text.first() == Some(&b'<') => {
            "it is a web page, not the model itself: what it was fetched from answered otherwise"
        }
        _ if text.first() == Some(&b'{') => "it is JSON, not an ONNX graph",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, word) in [
            ("a.onnx", &b""[..], "empty"),
            ("b.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
            ("c.onnx", b"\x1c\0\0\0TFL3\0\0", "tf2onnx"),
            ("best.pt", b"PK\x03\x04....best/data.pkl", "yolo export"),
            ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "PyTorch"),
            ("f.engine", b"\0\0\0\0", "TensorRT"),
            ("g.h5", b"\x89HDF\r\n\x1a\n", "Keras"),
            ("h.onnx", b"\n<!DOCTYPE html>", "web page"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let reason = explained(&path, "Protobuf parsing failed.");
            assert!(reason.contains(word), "{name}: {reason}");
        }
        let path = folder.path().join("cut.onnx");
        std::fs::write(&path, b"\x08\x08\x12\x07pytorch").unwrap();
        assert!(explained(&path, "Protobuf parsing failed.").contains("not all of one"));
        assert_eq!(explained(&path, "Opset 99 is not there"), "Opset 99 is not there");
    }
}

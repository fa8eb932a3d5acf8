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
            "its weights are in a separate file, which must be next to it under its original name ({complaint})"
        );
    }
    if complaint.contains("rotobuf parsing failed") {
        return "it is not an ONNX graph, or it is truncated; download or export it again".to_owned();
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
        _ if at(0, b"version https://git-lfs") => "it is a Git LFS pointer, not the model; run `git lfs pull`",
        _ if at(4, b"TFL3") => {
            "it is a TensorFlow Lite model; convert it with `python -m tf2onnx.convert --tflite MODEL.tflite --output model.onnx`"
        }
        _ if at(4, b"ORTM") => "it is in ONNX Runtime's own format (.ort); use the .onnx file it was made from",
        _ if at(0, b"PK\x03\x04") || at(0, b"\x80\x02") || matches!(extension.as_str(), "pt" | "pth") => {
            "it is a PyTorch checkpoint; export it with `yolo export model=MODEL.pt format=onnx` (Ultralytics) or with the \
             export script of its project"
        }
        _ if at(0, b"\x89HDF\r\n") || extension == "keras" => {
            "it is a Keras model; save it as a SavedModel and convert that with `python -m tf2onnx.convert --saved-model DIR \
             --output model.onnx`"
        }
        "engine" | "plan" | "trt" => {
            "it is a TensorRT engine, which runs only on the GPU it was built for; use the .onnx file it was built from"
        }
        _ if at(0, b"ftrt") || at(0, b"ptrt") => {
            "it is a TensorRT engine, which runs only on the GPU it was built for; use the .onnx file it was built from"
        }
        "safetensors" => {
            "it holds weights only, without a graph (safetensors); export the model to ONNX with its project's script"
        }
        "pb" => {
            "it is a TensorFlow graph; convert it with `python -m tf2onnx.convert --saved-model DIR --output model.onnx`"
        }
        "pdmodel" | "pdiparams" => {
            "it is a Paddle model; convert it with `paddle2onnx --model_dir DIR --save_file model.onnx`"
        }
        "xml" | "bin" => "it is part of an OpenVINO model; use the .onnx file it was made from",
        "param" | "mnn" | "mlmodel" | "mlpackage" => "it is for another runtime; use the .onnx file it was made from",
        _ if text.first() == Some(&b'<') => "it is a web page, not the model; check the URL it was downloaded from",
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
        assert!(explained(&path, "Protobuf parsing failed.").contains("truncated"));
        assert_eq!(explained(&path, "Opset 99 is not there"), "Opset 99 is not there");
    }
}

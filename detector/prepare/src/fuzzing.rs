//! The steps of the preparation as `fuzz/` calls them: on any bytes, without ONNX Runtime, which runs the graph before and
//! after each of them elsewhere.

use crate::edit::Graph;
use crate::{Outcome, REWRITES, sizes};

/// Takes a graph apart, applies each step alone and then all of them, and reads back what was made.
pub fn rewrites(bytes: &[u8]) {
    let Ok(graph) = Graph::parse(bytes) else { return };
    let mut all = graph.clone();
    for (name, rewrite, _) in REWRITES {
        let mut alone = graph.clone();
        if let Outcome::Done(_) = rewrite(&mut alone) {
            check(name, &alone);
        }
        rewrite(&mut all);
    }
    sizes::name_open(all.proto_mut());
    check("all", &all);
}

/// What was made is a graph that is read back the same.
fn check(step: &str, graph: &Graph) {
    // A graph all of whose nodes were of no use is none any more.
    if graph.proto().node.is_empty() {
        return;
    }
    let bytes = graph.bytes();
    let again = Graph::parse(&bytes).map(|again| again.bytes());
    assert!(again.as_ref() == Ok(&bytes), "{step}: what was made is read differently: {:?}", again.err());
}

// What is shown of what was found: the same rules as the function's own (detector/src/nms.rs).

/** The detections that pass; `found` is sorted, the best first. */
export function choose(found, { confidence, iou, max_detections }, needsNms, hidden = new Set()) {
  const kept = [];
  const keptOf = new Map();
  for (const candidate of found) {
    if (kept.length >= max_detections || candidate.score < confidence) break;
    if (hidden.has(candidate.label)) continue;
    const better = keptOf.get(candidate.class_id) ?? [];
    if (needsNms && better.some((box) => overlap(box, candidate.box) > iou)) continue;
    better.push(candidate.box);
    keptOf.set(candidate.class_id, better);
    kept.push(candidate);
  }
  return kept;
}

/** Intersection over union of two boxes. */
function overlap(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  if (width * height === 0) return 0;
  return (width * height) / (area(a) + area(b) - width * height);
}

function area([x1, y1, x2, y2]) {
  return (x2 - x1) * (y2 - y1);
}

/** How many of each label, the most frequent first: [[label, number], …]. */
export function tally(detections) {
  const counts = new Map();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

// What is shown of what was found: the same rules as the function's own (detector/src/nms.rs).

/** The detections that pass; `found` is sorted, the best first. */
export function choose(found, { confidence, iou, max_detections }, needsNms, hidden = new Set()) {
  const kept = [];
  for (const candidate of found) {
    if (kept.length >= max_detections || candidate.score < confidence) break;
    if (hidden.has(candidate.label)) continue;
    const beaten = needsNms && kept.some((better) => better.class_id === candidate.class_id && overlap(better.box, candidate.box) > iou);
    if (!beaten) kept.push(candidate);
  }
  return kept;
}

/** Intersection over union of two boxes. */
function overlap(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  const union = area(a) + area(b) - width * height;
  return union > 0 ? (width * height) / union : 0;
}

/** How many of each label, the most frequent first: [[label, number], …]. */
export function tally(detections) {
  const counts = new Map();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

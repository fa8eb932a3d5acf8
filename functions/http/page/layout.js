// Where label tabs go: the same rules as in annotated photos (detector/src/annotate/tab.rs), but that there none is left out.

/** The largest share of a box that a tab may cover; of a box that is smaller than the tab: nothing. */
const BURIED = 0.3;

/**
 * The place of a tab for a box: above its left or right corner, else inside at its top, else below, else inside at its
 * bottom; null where each of these would leave the photo, hide another tab or bury one of the `boxes`. All are
 * { x, y, width, height }.
 */
export function place(photo, around, tab, taken, boxes) {
  const bottom = around.y + around.height;
  for (const y of [around.y - tab.height, around.y, bottom, bottom - tab.height]) {
    for (const at of spots(photo, around, tab, y)) {
      if (isFree(photo, at, taken) && !boxes.some((box) => buries(at, box))) return at;
    }
  }
  return null;
}

/** True where a tab hides too much of a box. */
function buries(tab, box) {
  const [covered, area] = [shared(tab, box), box.width * box.height];
  return covered > 0 && covered >= (area > tab.width * tab.height ? BURIED * area : 0);
}

/** The nearest free place up or down, better beside the box than on it; null where a photo is full of tabs. */
export function placeAnywhere(photo, around, tab, taken) {
  const start = Math.max(0, Math.min(around.y - tab.height, photo.height - tab.height));
  let onIt = null;
  for (let away = 0; away <= photo.height; away += tab.height / 2) {
    for (const y of [start + away, start - away]) {
      const free = spots(photo, around, tab, y).filter((spot) => isFree(photo, spot, taken));
      const beside = free.find((spot) => shared(spot, around) === 0);
      if (beside) return beside;
      onIt ??= free[0] ?? null;
    }
  }
  return onIt;
}

/** A tab at a height, flush with the box's left and right side, moved into the photo. */
function spots(photo, around, { width, height }, y) {
  return [around.x, around.x + around.width - width].map((x) => ({ x: Math.max(0, Math.min(x, photo.width - width)), y, width, height }));
}

function isFree(photo, tab, taken) {
  return tab.y >= 0 && tab.y <= Math.max(0, photo.height - tab.height) && !taken.some((other) => shared(tab, other) > 0);
}

/** The area that two rectangles share. */
function shared(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}

// Where label tabs go: the same rules as in annotated photos (detector/src/annotate/tab.rs).

/**
 * The place of a tab for a box: above its left or right corner, else inside at its top, else below, else inside at its
 * bottom, else the nearest free place up or down; null where a photo is full of tabs. All are { x, y, width, height }.
 */
export function place(photo, around, { width, height }, taken) {
  const lowest = Math.max(0, photo.height - height);
  const lefts = [around.x, around.x + around.width - width].map((x) => Math.max(0, Math.min(x, photo.width - width)));
  const free = (y) => {
    if (y < 0 || y > lowest) return null;
    const x = lefts.find((left) => !taken.some((other) => meet(other, { x: left, y, width, height })));
    return x === undefined ? null : { x, y, width, height };
  };
  const bottom = around.y + around.height;
  for (const y of [around.y - height, around.y, bottom, bottom - height]) {
    const tab = free(y);
    if (tab) return tab;
  }
  const start = Math.max(0, Math.min(around.y, lowest));
  for (let away = 0; away <= photo.height; away += height / 2) {
    const tab = free(start + away) ?? free(start - away);
    if (tab) return tab;
  }
  return null;
}

function meet(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

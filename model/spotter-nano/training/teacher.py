"""The teacher, YOLOX-nano: what it sees in a crop, when it looks at it twice and makes up its mind."""
import numpy as np

from nano import PAD, TEACHER_SIZE, boxes_of, corners_of, grid, letterbox, overlaps, resize, scores_of, session, tensor

SHARES = (0.6, 0.4)     # of a crop's side: what the second look shows, side by side
LARGE = 0.4             # of a crop's side: longer objects are looked at twice
FLOOR = 0.03            # objectness x class under which an answer does not count
SURE = 0.3              # what a second look must have to count
ENOUGH = 0.85           # what makes a second look unnecessary
SAME = 0.75             # IoU from which on two boxes are taken for one object's
GRID = grid(TEACHER_SIZE)


class Teacher:
    """The model in ONNX Runtime, one thread."""

    def __init__(self, path):
        self.session = session(path)
        self.input = self.session.get_inputs()[0].name

    def glance(self, canvas):
        """Its raw answer f32 [3549,85] to a picture u8 [416,416,3]."""
        return self.session.run(None, {self.input: tensor(canvas)})[0][0]

    def look(self, canvas):
        """The same, but all cells of a large object agree on its class: the one it is surest of, here or seen smaller.

        Our photos are small, and a close-up enlarges them: to the teacher a blurred cat that fills its picture is a
        dog, and at half that size it is a cat. At stride 16 it calls such a cat a cat, and at stride 32, less sure of
        itself, a dog: a student whose objectness is coarser would hear the dog. A class that is about as sure in the
        same place stays as it is: a table is not taken for the pizza on it."""
        answer = self.glance(canvas)
        boxes, own = corners_of(boxes_of(answer, *GRID)), scores_of(answer).max(1)
        side = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        large = np.flatnonzero((side > LARGE * TEACHER_SIZE) & (own > FLOOR))
        looks = [(boxes[large], answer[large, 4:5], answer[large, 5:])]
        if (surest(boxes[large], own[large]) < ENOUGH).any():
            looks.append(self.again(canvas))
        reconsider(answer, large, boxes[large], *map(np.concatenate, zip(*looks)))
        return answer

    def choose(self, parts, label):
        """The one of up to four pictures u8 [h,w,3] that it finds the class in most surely, seen in one canvas."""
        if len(parts) == 1:
            return parts[0]
        half = TEACHER_SIZE // 2
        sheet = np.full((TEACHER_SIZE, TEACHER_SIZE, 3), PAD, np.uint8)
        for i, part in enumerate(parts):
            y, x = (half * n for n in divmod(i, 2))
            sheet[y:y + half, x:x + half] = letterbox(part, half)[0]
        answer = self.glance(sheet)
        column, row = np.clip(boxes_of(answer, *GRID)[:, :2] // half, 0, 1).astype(int).T
        best = scores_of(answer)[:, label].argmax()
        return parts[min(2 * row[best] + column[best], len(parts) - 1)]

    def again(self, canvas):
        """What it is sure of at smaller sizes: boxes [M,4] in the canvas's pixels, objectness [M,1], classes [M,80]."""
        sides = [int(TEACHER_SIZE * share) for share in SHARES]
        lefts = np.cumsum([0, *sides[:-1]])
        both = np.full_like(canvas, PAD)
        for left, side in zip(lefts, sides):
            both[:side, left:left + side] = resize(canvas, side, side)
        answer = self.glance(both)
        answer, boxes = (array[scores_of(answer).max(1) > SURE] for array in (answer, boxes_of(answer, *GRID)))
        part = np.searchsorted(lefts, boxes[:, 0], "right").clip(1) - 1
        boxes[:, 0] -= lefts[part]
        boxes *= TEACHER_SIZE / np.array(sides)[part, None]
        return corners_of(boxes), answer[:, 4:5], answer[:, 5:]


def surest(boxes, scores, labels=0):
    """The best score [N] that anything in each box's place has, of the same label where labels [N] are given."""
    labels = np.broadcast_to(labels, len(boxes))
    same = (overlaps(boxes[:, None], boxes) >= SAME) & (labels[:, None] == labels)
    return np.where(same, scores, 0).max(1, initial=0)


def reconsider(answer, rows, boxes, corners, objectness, classes):
    """Writes into rows [L] of the answer, whose boxes [L,4] are given, the classes of what is surest in the same place
    among things seen: corners [M,4], objectness [M,1], classes [M,80]."""
    if not len(corners):
        return
    own, label, seen = scores_of(answer[rows]).max(1), answer[rows, 5:].argmax(1), objectness * classes
    match = overlaps(boxes[:, None], corners) >= SAME
    best = np.where(match, seen.max(1), 0).argmax(1)
    kept = np.where(match, seen[:, label].T, 0).max(1)        # how sure anything in its place is of its own class
    better, other = seen[best].max(1), seen[best].argmax(1) != label
    change = match.any(1) & (better > own) & ~(other & (kept > better / 2))
    answer[rows[change], 5:] = classes[best[change]]

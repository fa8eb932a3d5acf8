// A ZIP archive of files that are stored as they are: JPEGs would not shrink, and browsers write no archives.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

/** Names are UTF-8. */
const FLAGS = 0x0800;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The archive of `files`, each { name, blob }. Names that repeat get a number. */
export async function zip(files, now = new Date()) {
  const parts = [];
  const directory = [];
  const used = new Set();
  let offset = 0;
  for (const { name, blob } of files) {
    const path = new TextEncoder().encode(unused(name, used));
    const sum = checksum(new Uint8Array(await blob.arrayBuffer()));
    // Version, flags, no compression, time, date, checksum, size twice, length of the name, none of extra fields.
    const entry = [[20, 2], [FLAGS, 2], [0, 2], [time(now), 2], [date(now), 2], [sum, 4], [blob.size, 4], [blob.size, 4], [path.length, 2], [0, 2]];
    const head = bytes([LOCAL, 4], ...entry);
    // Made by, the same, then no comment, the first disk, no attributes, and where the entry lies.
    directory.push(bytes([CENTRAL, 4], [20, 2], ...entry, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), path);
    parts.push(head, path, blob);
    offset += head.length + path.length + blob.size;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  if (offset + length > 0xffffffff || used.size > 0xffff) throw new Error("These photos are too many for one ZIP file.");
  const end = bytes([END, 4], [0, 2], [0, 2], [used.size, 2], [used.size, 2], [length, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** `photo.jpg`, `photo (2).jpg`, …; no name leads out of the archive. */
function unused(name, used) {
  const plain = name.replaceAll(/[/\\]/g, "_");
  const dot = plain.lastIndexOf(".");
  const [stem, kind] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, ""];
  let path = plain;
  for (let number = 2; used.has(path.toLowerCase()); number += 1) path = `${stem} (${number})${kind}`;
  used.add(path.toLowerCase());
  return path;
}

/** Little-endian numbers, each [value, bytes]. */
function bytes(...fields) {
  return Uint8Array.from(fields.flatMap(([value, size]) => Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff)));
}

function checksum(data) {
  let sum = 0xffffffff;
  for (const byte of data) sum = (sum >>> 8) ^ CRC[(sum ^ byte) & 0xff];
  return (sum ^ 0xffffffff) >>> 0;
}

function time(now) {
  return (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
}

function date(now) {
  return (Math.max(0, now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
}

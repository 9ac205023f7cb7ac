// A clip's data, decoded for drawing.

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function decodeClip(data, pointNames) {
  const dancers = data.dancers.map((dancer) => new Dancer(dancer, pointNames));
  return { ...data, loudness: bytes(data.loudness), dancers };
}

class Dancer {
  constructor(data, pointNames) {
    Object.assign(this, data);
    this.envelope = bytes(data.envelope);
    const raw = new DataView(bytes(data.points).buffer);
    this.pointCount = pointNames.length;
    this.metres = new Float32Array(raw.byteLength / 2);
    for (let k = 0; k < this.metres.length; k++) this.metres[k] = raw.getInt16(2 * k, true) / 1000;
    this.index = Object.fromEntries(pointNames.map((name, k) => [name, k]));
    this.path = this.smoothPath(0.6 * this.fps);
  }

  // The frames before and after a time (the first or last one outside the clip), and where it lies between them, 0..1.
  between(seconds) {
    const position = Math.min(Math.max(seconds * this.fps, 0), this.frames - 1), before = Math.floor(position);
    return { before, after: Math.min(before + 1, this.frames - 1), part: position - before };
  }

  // The points at a time, [x, y, z, x, y, z, ...], interpolated between frames.
  pose(seconds, into) {
    const { before, after, part } = this.between(seconds);
    const size = 3 * this.pointCount;
    for (let k = 0; k < size; k++) {
      const from = this.metres[before * size + k];
      into[k] = from + part * (this.metres[after * size + k] - from);
    }
    return into;
  }

  point(frame, name) {
    const at = 3 * (frame * this.pointCount + this.index[name]);
    return this.metres.subarray(at, at + 3);
  }

  // Where the camera looks: the pelvis over the floor, smoothed by a Gaussian of so many frames (standard deviation).
  smoothPath(width) {
    const reach = Math.ceil(2.5 * width), path = [];
    for (let frame = 0; frame < this.frames; frame++) {
      let x = 0, y = 0, total = 0;
      for (let away = -reach; away <= reach; away++) {
        const other = this.point(Math.min(Math.max(frame + away, 0), this.frames - 1), "pelvis");
        const weight = Math.exp(-(away * away) / (2 * width * width));
        x += weight * other[0]; y += weight * other[1]; total += weight;
      }
      path.push([x / total, y / total]);
    }
    return path;
  }

  place(seconds) {
    const { before, after, part } = this.between(seconds);
    return [0, 1].map((k) => this.path[before][k] * (1 - part) + this.path[after][k] * part);
  }

  // Centre of the dance on the floor, and half of its larger extent, metres.
  ground() {
    const range = [0, 1].map((k) => this.path.reduce(
      (found, spot) => [Math.min(found[0], spot[k]), Math.max(found[1], spot[k])], [Infinity, -Infinity]));
    return { middle: range.map(([low, high]) => (low + high) / 2), reach: Math.max(...range.map(([a, b]) => (b - a) / 2)) };
  }
}

// Index of the last of the sorted times that is not after `seconds`; -1 before the first.
function lastBefore(times, seconds) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= seconds) low = middle + 1; else high = middle;
  }
  return low - 1;
}

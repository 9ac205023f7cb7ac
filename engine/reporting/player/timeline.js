// The seek bar: the whole clip in a narrow band, and below it the seconds around now, a lane per dancer.

const OVERVIEW = 30, MINI = 9, GAP = 8, WAVE = 26, LANE = 34, RULER = 18;
const AROUND = 4; // seconds on either side of now
const LABELS = 140;
const INK = { wave: "#56647a", beat: "#aeb6c4", quiet: "#98a0b0", hill: "#3d4859", hit: "#f7c948", miss: "#8b92a0",
  band: "rgba(247, 201, 72, 0.16)", now: "#ffffff", line: "#30353f" };

class Timeline {
  constructor(canvas, hit, seek) {
    this.canvas = canvas;
    this.hit = hit; // seconds around the expected time within which a foot beat scores at least half
    this.seek = seek;
    new ResizeObserver(() => { this.drawn = null; }).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.dragging = { x: event.offsetX, from: this.now, whole: event.offsetY < this.split, moved: false };
      if (this.dragging.whole) this.seek(this.whole.seconds(event.offsetX));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.dragging) return;
      const { x, from, whole } = this.dragging;
      if (Math.abs(event.offsetX - x) > 3) this.dragging.moved = true;
      if (whole) this.seek(this.whole.seconds(event.offsetX));
      else if (this.dragging.moved) this.seek(from - (event.offsetX - x) / this.near.scale);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (this.dragging && !this.dragging.whole && !this.dragging.moved) this.seek(this.near.seconds(event.offsetX));
      this.dragging = null;
    });
  }

  setClip(clip, dancers) {
    this.clip = clip;
    this.dancers = dancers;
    this.split = OVERVIEW + MINI * dancers.length + GAP;
    this.height = this.split + WAVE + LANE * dancers.length + RULER;
    this.canvas.style.height = `${this.height}px`;
    document.documentElement.style.setProperty("--timeline", `${this.height}px`);
    this.drawn = null;
  }

  draw(now) {
    if (now === this.drawn) return;
    this.drawn = this.now = now;
    const { clientWidth: width } = this.canvas, ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.pen = this.canvas.getContext("2d");
    this.pen.scale(ratio, ratio);
    this.pen.font = "12px system-ui, sans-serif";
    this.whole = new Axis(0, this.clip.seconds, LABELS, width - 10);
    this.near = new Axis(now - AROUND, now + AROUND, LABELS, width - 10);
    this.drawWhole(now);
    this.drawNear(now);
  }

  drawWhole(now) {
    const { pen, whole } = this, bottom = OVERVIEW + MINI * this.dancers.length;
    this.hills(whole, this.clip.loudness, this.clip.loudness.length / this.clip.seconds, OVERVIEW - 3, OVERVIEW - 9, INK.wave);
    pen.globalAlpha = 0.35;
    for (const beat of this.clip.beats) this.stroke(whole.x(beat), 4, bottom, INK.beat);
    pen.globalAlpha = 1;
    this.dancers.forEach((dancer, number) => {
      dancer.footBeats.forEach((beat, k) => this.dot(whole.x(beat), OVERVIEW + MINI * (number + 0.5), 2.2, dancer.onBeat[k]));
    });
    this.stroke(whole.x(now), 2, bottom + 2, INK.now, 2);
    pen.fillStyle = INK.quiet;
    pen.fillText("Whole clip", 12, 20);
    pen.fillStyle = INK.line;
    pen.fillRect(0, this.split - 3, this.canvas.clientWidth, 1);
  }

  drawNear(now) {
    const { pen, near } = this, top = this.split, bottom = this.height - RULER;
    pen.save();
    pen.beginPath();
    pen.rect(LABELS, top, near.right - LABELS, this.height - top);
    pen.clip();
    for (const time of this.clip.expected) {
      pen.fillStyle = INK.band;
      pen.fillRect(near.x(time - this.hit), top + WAVE, 2 * this.hit * near.scale, bottom - top - WAVE);
    }
    this.hills(near, this.clip.loudness, this.clip.loudness.length / this.clip.seconds, top + WAVE - 2, WAVE - 6, INK.wave);
    this.dancers.forEach((dancer, number) => {
      const base = top + WAVE + LANE * (number + 1);
      this.hills(near, dancer.envelope, dancer.envelopeRate, base - 1, LANE - 8, INK.hill);
      pen.fillStyle = INK.line;
      pen.fillRect(LABELS, base - 1, near.right - LABELS, 1);
    });
    for (const beat of this.clip.beats) this.stroke(near.x(beat), top + 2, bottom, INK.beat);
    this.dancers.forEach((dancer, number) => {
      const base = top + WAVE + LANE * (number + 1);
      dancer.footBeats.forEach((beat, k) => this.dot(near.x(beat), base - 9, 5, dancer.onBeat[k]));
    });
    pen.fillStyle = INK.quiet;
    pen.textAlign = "center";
    for (let second = Math.max(Math.ceil(now - AROUND), 0); second <= Math.min(now + AROUND, this.clip.seconds); second++) {
      pen.fillText(`${second} s`, near.x(second), this.height - 5);
    }
    this.stroke(near.x(now), top, bottom, INK.now, 2);
    pen.restore();
    pen.textAlign = "left";
    pen.fillStyle = INK.quiet;
    pen.fillText("Song", 12, top + WAVE - 8);
    this.dancers.forEach(({ label }, number) => pen.fillText(label, 12, top + WAVE + LANE * number + 22));
  }

  hills(axis, levels, rate, base, height, colour) {
    const first = Math.max(Math.floor(axis.start * rate), 0), last = Math.min(Math.ceil(axis.stop * rate), levels.length - 1);
    const step = Math.max(1, Math.floor(rate / axis.scale / 2));
    this.pen.fillStyle = colour;
    this.pen.beginPath();
    this.pen.moveTo(axis.x(first / rate), base);
    for (let k = first; k <= last; k += step) this.pen.lineTo(axis.x(k / rate), base - levels[k] / 255 * height);
    this.pen.lineTo(axis.x(last / rate), base);
    this.pen.fill();
  }

  stroke(x, top, bottom, colour, width = 1) {
    this.pen.fillStyle = colour;
    this.pen.fillRect(x - width / 2, top, width, bottom - top);
  }

  dot(x, y, radius, filled) {
    this.pen.beginPath();
    this.pen.arc(x, y, radius, 0, 2 * Math.PI);
    this.pen.fillStyle = filled ? INK.hit : "#262b34";
    this.pen.fill();
    this.pen.lineWidth = radius / 3.5;
    this.pen.strokeStyle = filled ? INK.hit : INK.miss;
    this.pen.stroke();
  }
}

class Axis {
  constructor(start, stop, left, right) {
    Object.assign(this, { start, stop, left, right, scale: (right - left) / (stop - start) });
  }

  x(seconds) { return this.left + (seconds - this.start) * this.scale; }

  seconds(x) { return this.start + (x - this.left) / this.scale; }
}

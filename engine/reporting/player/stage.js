// The dancers side by side in one canvas, all seen by cameras that turn together. Plain 2D: limbs from far to near.

const VIEWS = { front: [-0.5, 0.22], side: [1.52, 0.16], top: [0, 1.45] }; // radians: around the dancer, above the floor
const AIM = 0.88, NEAR = 4.6, LENS = 1.9;
const FLOOR = 4, TILE = 0.5, TRACE_SECONDS = 2; // metres, seconds
const LIGHT = [-0.5, -0.86];

class Stage {
  constructor(canvas, { points, limbs, colours }) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    const index = Object.fromEntries(points.map((name, k) => [name, k]));
    this.limbs = limbs.map((limb) => ({ ...limb, ends: [index[limb.start], index[limb.stop]], colour: shades(colours[limb.side]) }));
    this.feet = [["L_foot", colours.left], ["R_foot", colours.right]].map(([name, colour]) => [index[name], colour]);
    this.pelvis = index.pelvis;
    this.dancers = [];
    this.follow = this.traced = this.dirty = true;
    this.closer = 1;
    this.look("front");
    this.listen();
  }

  setDancers(dancers) {
    this.dancers = dancers;
    this.pose = dancers.map((dancer) => new Float32Array(3 * dancer.pointCount));
    this.dirty = true;
  }

  look(view) {
    [this.yaw, this.pitch] = VIEWS[view];
    this.dirty = true;
  }

  listen() {
    new ResizeObserver(() => { this.dirty = true; }).observe(this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.held = [event.clientX, event.clientY];
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.held) return;
      this.yaw -= (event.clientX - this.held[0]) / 150;
      this.pitch = Math.min(Math.max(this.pitch + (event.clientY - this.held[1]) / 150, 0.02), 1.5);
      this.held = [event.clientX, event.clientY];
      this.dirty = true;
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => { this.held = null; });
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.closer = Math.min(Math.max(this.closer * Math.exp(-event.deltaY / 800), 0.3), 4);
      this.dirty = true;
    }, { passive: false });
  }

  draw(seconds) {
    if (!this.dirty && seconds === this.drawn) return;
    const { canvas, pen } = this, ratio = Math.min(window.devicePixelRatio, 2);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.scale(ratio, ratio);
    const part = width / this.dancers.length;
    this.dancers.forEach((dancer, number) => {
      pen.save();
      pen.beginPath();
      pen.rect(number * part, 0, part, height);
      pen.clip();
      this.aim(dancer, seconds, number * part + part / 2, height / 2, height, part / height);
      this.drawFloor();
      this.drawDancer(dancer, seconds, this.pose[number]);
      pen.restore();
    });
    this.drawn = seconds;
    this.dirty = false;
  }

  // The camera: on a sphere around a point above the floor, the dancer's place, or the middle of the whole dance.
  aim(dancer, seconds, x, y, height, aspect) {
    const ground = dancer.ground(), [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    this.place = this.follow ? dancer.place(seconds) : ground.middle;
    const away = (this.follow ? NEAR : NEAR + 2.6 * ground.reach / Math.min(aspect, 1.2)) / this.closer;
    this.camera = { x, y, focal: LENS * height, away, back: [cp * sy, -cp * cy, sp], right: [cy, sy, 0], up: [-sp * sy, sp * cy, cp] };
  }

  // [x, y, pixels a metre] of a point in metres; null behind the camera.
  spot(px, py, pz) {
    const { x, y, focal, away, back, right, up } = this.camera;
    const q = [px - this.place[0], py - this.place[1], pz - AIM];
    const dot = (axis) => q[0] * axis[0] + q[1] * axis[1] + q[2] * axis[2];
    const depth = away - dot(back);
    if (depth < 0.2) return null;
    const scale = focal / depth;
    return [x + dot(right) * scale, y - dot(up) * scale, scale];
  }

  drawFloor() {
    const steps = 10;
    for (const axis of [0, 1]) {
      const middle = this.place[axis], other = this.place[1 - axis];
      for (let at = Math.ceil((middle - FLOOR) / TILE) * TILE; at < middle + FLOOR; at += TILE) {
        const half = Math.sqrt(FLOOR ** 2 - (at - middle) ** 2);
        for (let k = 0; k < steps; k++) {
          const [from, to] = [k, k + 1].map((part) => other + half * (2 * part / steps - 1));
          const away = Math.hypot((from + to) / 2 - other, at - middle) / FLOOR;
          this.line([from, to].map((along) => (axis ? this.spot(along, at, 0) : this.spot(at, along, 0))), "#79839a", 0.6 * (1 - away), 1);
        }
      }
    }
  }

  line([from, to], colour, alpha, width) {
    if (!from || !to) return;
    const { pen } = this;
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(from[0], from[1]);
    pen.lineTo(to[0], to[1]);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  drawDancer(dancer, seconds, pose) {
    dancer.pose(seconds, pose);
    const at = (k) => [pose[3 * k], pose[3 * k + 1], pose[3 * k + 2]];
    this.shadow(at(this.pelvis), 0.3, 0.3);
    for (const [foot] of this.feet) this.shadow(at(foot), 0.12, 0.45 * Math.exp(-Math.max(at(foot)[2], 0) / 0.12));
    if (this.traced) this.drawTraces(dancer, seconds);
    const spots = [];
    for (let k = 0; k < dancer.pointCount; k++) spots.push(this.spot(...at(k)));
    const seen = this.limbs.filter(({ ends }) => spots[ends[0]] && spots[ends[1]]);
    const scale = ({ ends }) => spots[ends[0]][2] + spots[ends[1]][2]; // larger is nearer
    for (const limb of seen.sort((one, other) => scale(one) - scale(other))) this.limb(limb, spots[limb.ends[0]], spots[limb.ends[1]]);
  }

  shadow([x, y], radius, alpha) {
    const { pen } = this;
    pen.fillStyle = "#000";
    pen.globalAlpha = alpha / 3;
    for (const size of [1, 0.75, 0.5]) {
      pen.beginPath();
      for (let k = 0; k < 24; k++) {
        const angle = k * Math.PI / 12, spot = this.spot(x + size * radius * Math.cos(angle), y + size * radius * Math.sin(angle), 0);
        if (spot) pen.lineTo(spot[0], spot[1]);
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  // Paths of the feet in the last seconds, strong where the foot was on the floor.
  drawTraces(dancer, seconds) {
    const last = dancer.between(seconds).before, count = Math.round(TRACE_SECONDS * dancer.fps), first = Math.max(last - count, 0);
    for (const [foot, colour] of this.feet) {
      for (let frame = first; frame < last; frame++) {
        const [from, to] = [frame, frame + 1].map((at) => dancer.metres.subarray(3 * (at * dancer.pointCount + foot)));
        const down = Math.exp(-Math.max(from[2] - 0.02, 0) / 0.08);
        const spots = [from, to].map((point) => this.spot(point[0], point[1], 0));
        this.line(spots, colour, 0.8 * down * (frame - last + count + 1) / (count + 1), spots[0] ? 0.02 * spots[0][2] : 1);
      }
    }
  }

  // A cone with round ends, lit from the upper left.
  limb(limb, from, to) {
    const { pen } = this, radii = [limb.start_radius * from[2], limb.stop_radius * to[2]];
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]), along = Math.atan2(to[1] - from[1], to[0] - from[0]);
    const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2], reach = length / 2 + Math.max(...radii);
    const light = pen.createLinearGradient(
      middle[0] + LIGHT[0] * reach, middle[1] + LIGHT[1] * reach, middle[0] - LIGHT[0] * reach, middle[1] - LIGHT[1] * reach);
    limb.colour.forEach((colour, k) => light.addColorStop(k / (limb.colour.length - 1), colour));
    pen.fillStyle = light;
    pen.strokeStyle = "rgba(0, 0, 0, 0.28)";
    pen.lineWidth = 1;
    pen.beginPath();
    if (length <= Math.abs(radii[0] - radii[1])) { // one end hides the other
      const [spot, radius] = radii[0] > radii[1] ? [from, radii[0]] : [to, radii[1]];
      pen.arc(spot[0], spot[1], radius, 0, 2 * Math.PI);
    } else {
      const lean = Math.acos((radii[0] - radii[1]) / length);
      pen.arc(from[0], from[1], radii[0], along + lean, along - lean + 2 * Math.PI);
      pen.arc(to[0], to[1], radii[1], along - lean, along + lean);
      pen.closePath();
    }
    pen.fill();
    pen.stroke();
  }
}

// A colour (#rrggbb) from the lit to the dark side.
function shades(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return [1.12, 0.9, 0.55].map((bright) => `rgb(${parts.map((part) => Math.min(Math.round(part * bright), 255)).join(",")})`);
}

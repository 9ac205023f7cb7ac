// One dancer's scene: body, floor, light, foot traces and the circle that pulses on foot beats.

import * as THREE from "three";
import { lastBefore } from "./clip.js";

const UP = new THREE.Vector3(0, 1, 0);
const GROUND = 0x1b1e24;
const TRACE_SECONDS = 4, TRACE_WIDTH = 0.03;
const PULSE_SECONDS = 0.4;
const FLOOR = 80; // metres, an even integer

// A square metre of floor with lines every half metre.
function gridTexture() {
  const size = 512, tile = document.createElement("canvas"), pen = tile.getContext("2d");
  tile.width = tile.height = size;
  pen.fillStyle = "#3a3f4a";
  pen.fillRect(0, 0, size, size);
  for (const [at, colour, width] of [[size / 2, "#4d5463", 6], [0, "#646d7f", 8], [size, "#646d7f", 8]]) {
    pen.fillStyle = colour;
    pen.fillRect(at - width / 2, 0, width, size);
    pen.fillRect(0, at - width / 2, size, width);
  }
  const texture = new THREE.CanvasTexture(tile);
  texture.colorSpace = THREE.SRGBColorSpace;
  texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
  texture.repeat.set(FLOOR, FLOOR);
  texture.anisotropy = 16;
  return texture;
}

export class Figure {
  constructor(dancer, gallery) {
    this.dancer = dancer;
    this.camera = new THREE.PerspectiveCamera(32, 1, 0.1, 60);
    this.camera.up.set(0, 0, 1);
    this.world = new THREE.Scene();
    this.world.background = new THREE.Color(GROUND);
    this.pose = new Float32Array(3 * dancer.pointCount);
    this.addFloorAndLight();
    this.addBody(gallery);
    this.traces = [["L_foot", "left"], ["R_foot", "right"]].map(([point, side]) => this.addTrace(point, gallery.colours[side]));
    this.circle = new THREE.Mesh(new THREE.RingGeometry(0.96, 1, 64), new THREE.MeshBasicMaterial({ transparent: true, depthWrite: false }));
    this.circle.position.z = 0.006;
    this.world.add(this.circle);
  }

  addFloorAndLight() {
    // moved back in depth, so that it does not hide the traces just above it at a low angle
    const under = { polygonOffset: true, polygonOffsetFactor: 6, polygonOffsetUnits: 6 };
    this.floor = new THREE.Mesh(
      new THREE.PlaneGeometry(FLOOR, FLOOR), new THREE.MeshStandardMaterial({ map: gridTexture(), roughness: 1, ...under }));
    this.floor.receiveShadow = true;
    this.key = new THREE.DirectionalLight(0xffffff, 2.4);
    this.key.castShadow = true;
    this.key.shadow.mapSize.set(1024, 1024);
    Object.assign(this.key.shadow.camera, { left: -1.6, right: 1.6, top: 2.2, bottom: -1.6, near: 1, far: 12 });
    this.key.shadow.radius = 4;
    this.key.shadow.bias = -0.0006;
    this.key.shadow.normalBias = 0.012;
    this.world.add(this.floor, this.key, this.key.target, new THREE.HemisphereLight(0xdfe8ff, 0x5b5348, 1.5));
    this.world.fog = new THREE.Fog(GROUND, 9, 24);
  }

  addBody({ limbs, colours }) {
    const ball = new THREE.SphereGeometry(1, 24, 16);
    const skins = Object.fromEntries(Object.entries(colours).map(
      ([side, color]) => [side, new THREE.MeshStandardMaterial({ color, roughness: 0.55 })]));
    this.limbs = limbs.map((limb) => {
      const skin = skins[limb.side];
      const cone = new THREE.Mesh(new THREE.CylinderGeometry(limb.stop_radius, limb.start_radius, 1, 24, 1, true), skin);
      const ends = [limb.start_radius, limb.stop_radius].map((radius) => {
        const end = new THREE.Mesh(ball, skin);
        end.scale.setScalar(radius);
        return end;
      });
      for (const part of [cone, ...ends]) {
        part.castShadow = part.receiveShadow = true;
        this.world.add(part);
      }
      return { cone, ends, points: [limb.start, limb.stop].map((name) => this.dancer.index[name]) };
    });
  }

  addTrace(point, colour) {
    const steps = Math.ceil(TRACE_SECONDS * this.dancer.fps) + 1;
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(6 * steps), 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(8 * steps), 4));
    const triangles = [];
    for (let k = 0; k + 1 < steps; k++) triangles.push(2 * k, 2 * k + 1, 2 * k + 2, 2 * k + 1, 2 * k + 3, 2 * k + 2);
    geometry.setIndex(triangles);
    const material = new THREE.MeshBasicMaterial({ vertexColors: true, transparent: true, depthWrite: false, side: THREE.DoubleSide });
    const mesh = new THREE.Mesh(geometry, material);
    mesh.frustumCulled = false;
    mesh.position.z = 0.004;
    this.world.add(mesh);
    return { mesh, point, colour: new THREE.Color(colour) };
  }

  // Show the dancer as at `seconds`; orbit: the camera's position and target, relative to the dancer's place.
  update(seconds, orbit, follow, traced) {
    const [x, y] = follow ? this.dancer.place(seconds) : this.dancer.ground().middle;
    this.camera.position.set(x, y, 0).add(orbit.position);
    this.camera.lookAt(orbit.target.x + x, orbit.target.y + y, orbit.target.z);
    this.floor.position.set(Math.round(x), Math.round(y), 0);
    const far = orbit.position.length();
    this.world.fog.near = far + 4;
    this.world.fog.far = far + 18;
    this.placeBody(seconds);
    for (const trace of this.traces) {
      trace.mesh.visible = traced;
      if (traced) this.drawTrace(trace, seconds);
    }
    this.pulse(seconds);
  }

  placeBody(seconds) {
    const pose = this.dancer.pose(seconds, this.pose);
    const start = new THREE.Vector3(), stop = new THREE.Vector3(), along = new THREE.Vector3();
    for (const { cone, ends, points } of this.limbs) {
      start.fromArray(pose, 3 * points[0]);
      stop.fromArray(pose, 3 * points[1]);
      along.subVectors(stop, start);
      const length = along.length();
      cone.position.addVectors(start, stop).multiplyScalar(0.5);
      cone.quaternion.setFromUnitVectors(UP, along.divideScalar(length || 1));
      cone.scale.y = length;
      ends[0].position.copy(start);
      ends[1].position.copy(stop);
    }
    const pelvis = this.dancer.index.pelvis * 3;
    this.key.target.position.set(pose[pelvis], pose[pelvis + 1], 0.6);
    this.key.position.set(pose[pelvis] - 2.2, pose[pelvis + 1] - 2.6, 5);
  }

  drawTrace({ mesh, point, colour }, seconds) {
    const { position, color } = mesh.geometry.attributes, { dancer } = this;
    const last = Math.min(Math.floor(seconds * dancer.fps), dancer.frames - 1);
    const first = Math.max(last - Math.ceil(TRACE_SECONDS * dancer.fps), 0);
    for (let k = first; k <= last; k++) {
      const spot = dancer.point(k, point);
      const before = dancer.point(Math.max(k - 1, 0), point), after = dancer.point(Math.min(k + 1, dancer.frames - 1), point);
      const dx = after[0] - before[0], dy = after[1] - before[1], length = Math.hypot(dx, dy) || 1;
      const down = Math.exp(-Math.max(spot[2] - 0.03, 0) / 0.05);
      const fresh = 1 - (last - k) / (TRACE_SECONDS * dancer.fps);
      const wide = TRACE_WIDTH * (0.45 + 0.55 * down) / 2, alpha = fresh * (0.15 + 0.85 * down);
      for (const side of [0, 1]) {
        const at = 2 * (k - first) + side, sign = side ? -wide : wide;
        position.setXYZ(at, spot[0] - dy / length * sign, spot[1] + dx / length * sign, 0);
        color.setXYZW(at, colour.r, colour.g, colour.b, alpha);
      }
    }
    mesh.geometry.setDrawRange(0, 6 * (last - first));
    position.needsUpdate = color.needsUpdate = true;
  }

  pulse(seconds) {
    const { footBeats, onBeat } = this.dancer, beat = lastBefore(footBeats, seconds);
    const age = beat < 0 ? 1 : (seconds - footBeats[beat]) / PULSE_SECONDS;
    this.circle.visible = age < 1;
    if (age >= 1) return;
    const pelvis = this.dancer.index.pelvis * 3;
    this.circle.position.x = this.pose[pelvis];
    this.circle.position.y = this.pose[pelvis + 1];
    this.circle.scale.setScalar(0.38 + 0.22 * age);
    this.circle.material.color.set(onBeat[beat] ? 0xf7c948 : 0x8b92a0);
    this.circle.material.opacity = 1 - age;
  }

  // Frees what the graphics card holds of this figure.
  dispose() {
    this.world.traverse((part) => { part.geometry?.dispose(); part.material?.map?.dispose(); part.material?.dispose?.(); part.shadow?.dispose?.(); });
  }
}

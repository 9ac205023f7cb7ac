// The dancers side by side in one canvas, all seen by cameras that turn together.

import * as THREE from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { Figure } from "./figure.js";

const VIEWS = { front: [-0.6, -1, 0.22], side: [1, -0.05, 0.16], top: [0, -0.02, 1] };
const AIM = 0.88;
const NEAR = 4.3;

export class Stage {
  constructor(canvas, gallery) {
    this.canvas = canvas;
    this.gallery = gallery;
    this.figures = [];
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
    this.renderer.shadowMap.enabled = true;
    this.renderer.setScissorTest(true);
    this.orbit = new THREE.PerspectiveCamera(32, 1, 0.1, 60);
    this.orbit.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.orbit, canvas);
    this.controls.maxPolarAngle = Math.PI / 2 - 0.01;
    this.controls.minDistance = 1.2;
    this.controls.maxDistance = 25;
    this.controls.addEventListener("change", () => { this.dirty = true; });
    this.follow = this.traced = true;
    new ResizeObserver(() => { this.resized = true; }).observe(canvas);
    this.resized = true;
    this.look("front");
  }

  setDancers(dancers) {
    for (const figure of this.figures) figure.dispose();
    this.figures = dancers.map((dancer) => new Figure(dancer, this.gallery));
    this.setFollow(this.follow);
  }

  setFollow(follow) {
    this.follow = follow;
    this.resized = true;
    this.stand();
  }

  // The distance at which a camera that follows sees the dancer, and a camera that does not sees the whole dance.
  distance() {
    if (this.follow || !this.figures.length) return NEAR;
    const { aspect } = this.figures[0].camera;
    return NEAR + 2.6 * Math.max(...this.figures.map((figure) => figure.dancer.ground().reach)) / Math.min(aspect, 1.2);
  }

  look(view) {
    this.direction = new THREE.Vector3(...VIEWS[view]).normalize();
    this.controls.target.set(0, 0, AIM);
    this.orbit.position.copy(this.controls.target).add(this.direction);
    this.stand();
  }

  stand() {
    const away = this.orbit.position.clone().sub(this.controls.target).setLength(this.distance());
    this.orbit.position.copy(this.controls.target).add(away);
    this.controls.update();
    this.dirty = true;
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setSize(clientWidth, clientHeight, false);
    for (const { camera } of this.figures) {
      camera.aspect = clientWidth / this.figures.length / clientHeight;
      camera.updateProjectionMatrix();
    }
    this.resized = false;
    this.dirty = true;
  }

  draw(seconds) {
    if (this.resized) this.resize();
    if (!this.dirty && seconds === this.drawn) return;
    const { clientWidth, clientHeight } = this.canvas, width = clientWidth / this.figures.length;
    this.figures.forEach((figure, number) => {
      figure.update(seconds, { position: this.orbit.position, target: this.controls.target }, this.follow, this.traced);
      this.renderer.setViewport(number * width, 0, width, clientHeight);
      this.renderer.setScissor(number * width, 0, width, clientHeight);
      this.renderer.render(figure.world, figure.camera);
    });
    this.drawn = seconds;
    this.dirty = false;
  }
}

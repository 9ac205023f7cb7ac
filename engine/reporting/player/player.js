// Playback of one clip: sound, figures, timeline and keys on one clock.

const element = (id) => document.getElementById(id);
const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
const LAMP_SECONDS = 0.12;

class Player {
  // look: how bodies are drawn. hit: see Timeline. moved: called when playback stops or jumps.
  constructor(look, hit, moved = () => {}) {
    this.song = new Audio();
    this.song.preload = "auto";
    this.stage = new Stage(element("figures"), look);
    this.timeline = new Timeline(element("timeline"), hit, (seconds) => this.seek(seconds));
    this.moved = moved;
    this.clip = null;
    this.wanted = 0;
    this.marked = { at: 0, song: 0 };
    this.listen();
    this.frame();
  }

  show(clip, sound, seconds = 0) {
    this.song.pause();
    this.clip = clip;
    this.song.src = sound;
    this.song.playbackRate = Number(element("speed").value);
    this.listDancers();
    this.showDancers();
    this.seek(seconds);
  }

  // Of dancers that differ only by the seed, only the first is ticked at first; one alone needs no tick.
  listDancers() {
    const kinds = new Set(), { dancers } = this.clip;
    element("dancers").hidden = dancers.length < 2;
    element("dancers").replaceChildren(...dancers.map((dancer, k) => {
      const kind = dancer.label.split(",")[0], label = document.createElement("label"), box = document.createElement("input");
      Object.assign(box, { type: "checkbox", checked: !kinds.has(kind), value: k, onchange: () => this.showDancers() });
      kinds.add(kind);
      label.append(box, dancer.label);
      return label;
    }));
  }

  showDancers() {
    const boxes = [...element("dancers").querySelectorAll("input")];
    if (!boxes.some((box) => box.checked)) boxes[0].checked = true;
    const dancers = boxes.filter((box) => box.checked).map((box) => this.clip.dancers[box.value]);
    const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
    element("labels").replaceChildren(...dancers.map(({ label, gain }) => {
      const box = document.createElement("div"), name = document.createElement("b"), note = document.createElement("span");
      name.textContent = label;
      note.textContent = gain ? `beat gain ${gain.map(signed).join(" / ")}` : "";
      box.append(name, note);
      return box;
    }));
    this.timeline.setClip(this.clip, dancers);
    this.stage.setDancers(dancers);
  }

  // The song's clock. Browsers move currentTime in steps, so the time since the last step is added.
  now() {
    const { song } = this;
    if (song.paused || song.seeking) return this.wanted;
    const at = Date.now();
    if (song.currentTime !== this.marked.song) this.marked = { at, song: song.currentTime };
    return Math.min(this.marked.song + Math.min((at - this.marked.at) / 1000, 0.25) * song.playbackRate, this.clip.seconds);
  }

  seek(seconds) {
    this.wanted = Math.min(Math.max(seconds, 0), this.clip.seconds);
    this.song.currentTime = this.wanted;
    this.marked = { at: Date.now(), song: this.wanted };
    this.moved();
  }

  toggle() {
    if (!this.song.paused) { this.wanted = this.now(); this.song.pause(); return; }
    if (this.wanted >= this.clip.seconds - 0.05) this.seek(0);
    this.song.play().catch((error) => { element("message").textContent = `The song does not play: ${error.message}`; });
  }

  step(frames) {
    this.song.pause();
    this.seek(this.wanted + frames / this.clip.dancers[0].fps);
  }

  stepBeat(direction) {
    const { beats } = this.clip, beat = lastBefore(beats, this.wanted + (direction > 0 ? 0.001 : -0.02));
    const target = beats[direction > 0 ? beat + 1 : beat];
    if (target !== undefined) this.seek(target);
  }

  frame() {
    requestAnimationFrame(() => this.frame());
    if (!this.clip) return;
    const seconds = this.now(), { beats } = this.clip;
    if (!this.song.paused) this.wanted = seconds;
    this.stage.draw(seconds);
    this.timeline.draw(seconds);
    const beat = lastBefore(beats, seconds);
    element("lamp").classList.toggle("on", beat >= 0 && seconds - beats[beat] < LAMP_SECONDS);
    element("time").textContent = `${clock(seconds)} / ${clock(this.clip.seconds)}`;
  }

  listen() {
    const { song, stage } = this;
    const keys = {
      " ": () => this.toggle(), ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      ArrowUp: () => this.stepBeat(1), ArrowDown: () => this.stepBeat(-1),
    };
    element("play").onclick = () => this.toggle();
    element("speed").onchange = (event) => { song.playbackRate = Number(event.target.value); };
    element("follow").onchange = (event) => { stage.follow = event.target.checked; stage.dirty = true; };
    element("trace").onchange = (event) => { stage.traced = event.target.checked; stage.dirty = true; };
    element("views").onclick = (event) => { if (event.target.dataset.view) stage.look(event.target.dataset.view); };
    for (const name of ["play", "pause", "ended"]) {
      song.addEventListener(name, () => { element("play").textContent = song.paused ? "Play" : "Pause"; this.moved(); });
    }
    song.addEventListener("error", () => { element("message").textContent = "The song's file is missing: copy the whole folder."; });
    document.addEventListener("keydown", (event) => {
      const action = keys[event.key];
      if (!action || !this.clip || event.ctrlKey || event.metaKey || event.target.matches("select, video")) return;
      if (event.key === " " && event.target.matches("button, input, summary")) return; // the key presses the focused control
      event.preventDefault();
      action();
    });
  }
}

// The page: song list, playback, keys. Stage and timeline draw the rest.

import { decodeClip, lastBefore } from "./clip.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";

const gallery = window.magmaGallery;
const element = (id) => document.getElementById(id);
const LAMP_SECONDS = 0.12;
const song = new Audio();
song.preload = "auto";

let stage, clip = null, number = -1, wanted = 0, marked = { at: 0, song: 0 };
const loaded = new Map();
const timeline = new Timeline(element("timeline"), gallery.hit, seek);

// Every clip's script calls this with its data.
window.magmaClip = (which, data) => loaded.set(which, decodeClip(data, gallery.points));

function load(which, then) {
  if (loaded.has(which)) { then(); return; }
  const script = document.createElement("script");
  script.src = gallery.clips[which].data;
  script.onload = then;
  script.onerror = () => { element("message").textContent = `${script.src} is missing: copy the whole folder.`; };
  document.head.append(script);
}

function show(which, seconds = 0) {
  song.pause();
  number = which;
  load(which, () => {
    if (which !== number) return; // another clip has been chosen since
    clip = loaded.get(which);
    const entry = gallery.clips[which];
    song.src = entry.song;
    song.playbackRate = Number(element("speed").value);
    element("plot").src = entry.plot;
    const video = gallery.videos[entry.style];
    element("videoTitle").textContent = `${entry.style}: the first seconds of every clip of this style`;
    if (element("video").getAttribute("src") !== video) element("video").src = video;
    for (const button of element("songs").querySelectorAll("button")) {
      button.setAttribute("aria-current", button.dataset.clip === String(which));
    }
    listDancers();
    showDancers();
    seek(seconds);
  });
}

// Of dancers that differ only by the seed, only the first is ticked at first.
function listDancers() {
  const kinds = new Set();
  element("dancers").replaceChildren(...clip.dancers.map((dancer, k) => {
    const kind = dancer.label.split(",")[0], label = document.createElement("label"), box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: !kinds.has(kind), value: k, onchange: showDancers });
    kinds.add(kind);
    label.append(box, dancer.label);
    return label;
  }));
}

function showDancers() {
  const boxes = [...element("dancers").querySelectorAll("input")];
  if (!boxes.some((box) => box.checked)) boxes[0].checked = true;
  const dancers = boxes.filter((box) => box.checked).map((box) => clip.dancers[box.value]);
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
  element("labels").replaceChildren(...dancers.map(({ label, gain }) => {
    const box = document.createElement("div"), name = document.createElement("b"), note = document.createElement("span");
    name.textContent = label;
    note.textContent = gain ? `beat gain ${gain.map(signed).join(" / ")}` : "";
    box.append(name, note);
    return box;
  }));
  timeline.setClip(clip, dancers);
  stage?.setDancers(dancers);
}

// The song's clock. Browsers move currentTime in steps, so the time since the last step is added.
function now() {
  if (song.paused || song.seeking) return wanted;
  const at = Date.now();
  if (song.currentTime !== marked.song) marked = { at, song: song.currentTime };
  return Math.min(marked.song + Math.min((at - marked.at) / 1000, 0.25) * song.playbackRate, clip.seconds);
}

function seek(seconds) {
  wanted = Math.min(Math.max(seconds, 0), clip.seconds);
  song.currentTime = wanted;
  marked = { at: Date.now(), song: wanted };
  remember();
}

function remember() {
  history.replaceState(null, "", `#clip=${number + 1}&t=${wanted.toFixed(2)}`);
}

function toggle() {
  if (!song.paused) { wanted = now(); song.pause(); return; }
  if (wanted >= clip.seconds - 0.05) seek(0);
  song.play().catch((error) => { element("message").textContent = `The song does not play: ${error.message}`; });
}

function step(frames) {
  song.pause();
  seek(wanted + frames / clip.dancers[0].fps);
}

function stepBeat(direction) {
  const beat = lastBefore(clip.beats, wanted + (direction > 0 ? 0.001 : -0.02));
  const target = clip.beats[direction > 0 ? beat + 1 : beat];
  if (target !== undefined) seek(target);
}

function frame() {
  requestAnimationFrame(frame);
  if (!clip) return;
  const seconds = now();
  if (!song.paused) wanted = seconds;
  stage?.draw(seconds);
  timeline.draw(seconds);
  const beat = lastBefore(clip.beats, seconds);
  element("lamp").classList.toggle("on", beat >= 0 && seconds - clip.beats[beat] < LAMP_SECONDS);
  element("time").textContent = `${clock(seconds)} / ${clock(clip.seconds)}`;
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;

function listSongs() {
  const styles = [...new Set(gallery.clips.map((entry) => entry.style))];
  for (const style of styles) {
    const title = document.createElement("h2");
    title.textContent = style;
    element("songs").append(title);
    gallery.clips.forEach((entry, which) => {
      if (entry.style !== style) return;
      const button = document.createElement("button"), length = document.createElement("small");
      button.dataset.clip = which;
      length.textContent = clock(entry.seconds).replace(/\.\d$/, "");
      button.append(entry.name, length);
      button.onclick = () => show(which);
      element("songs").append(button);
    });
  }
}

const KEYS = { " ": toggle, ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => stepBeat(1), ArrowDown: () => stepBeat(-1) };

function listen() {
  element("play").onclick = toggle;
  element("speed").onchange = (event) => { song.playbackRate = Number(event.target.value); };
  element("follow").onchange = (event) => stage?.setFollow(event.target.checked);
  element("trace").onchange = (event) => { if (stage) { stage.traced = event.target.checked; stage.dirty = true; } };
  element("views").onclick = (event) => { if (event.target.dataset.view) stage?.look(event.target.dataset.view); };
  for (const name of ["play", "pause", "ended"]) {
    song.addEventListener(name, () => { element("play").textContent = song.paused ? "Play" : "Pause"; remember(); });
  }
  song.addEventListener("error", () => { element("message").textContent = "The song's file is missing: copy the whole folder."; });
  element("video").addEventListener("play", () => song.pause());
  document.addEventListener("keydown", (event) => {
    const action = KEYS[event.key];
    if (!action || !clip || event.ctrlKey || event.metaKey || event.target.matches("select, video")) return;
    if (event.key === " " && event.target.matches("button, input, summary")) return; // the key presses the focused control
    event.preventDefault();
    action();
  });
}

listSongs();
listen();
try {
  stage = new Stage(element("figures"), gallery);
} catch (error) {
  element("message").textContent = `No 3D here (${error.message}). Sound, beats, plots and videos work.`;
}
const from = new URLSearchParams(location.hash.slice(1));
show(Math.min(Math.max(Number(from.get("clip")) || 1, 1), gallery.clips.length) - 1, Number(from.get("t")) || 0);
frame();

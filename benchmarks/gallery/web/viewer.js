// The page: the list of songs. The player plays them.

const gallery = window.magmaGallery;
const loaded = new Map();
let number = -1;
const player = new Player(gallery, gallery.hit, remember);

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
  number = which;
  load(which, () => {
    if (which !== number) return; // another clip has been chosen since
    const entry = gallery.clips[which], video = gallery.videos[entry.style];
    element("plot").src = entry.plot;
    element("video").parentElement.hidden = !video;
    element("videoTitle").textContent = `${entry.style}: the first seconds of every clip of this style`;
    if (video && element("video").getAttribute("src") !== video) element("video").src = video;
    for (const button of element("songs").querySelectorAll("button")) {
      button.setAttribute("aria-current", button.dataset.clip === String(which));
    }
    player.show(loaded.get(which), entry.song, seconds);
  });
}

function remember() {
  history.replaceState(null, "", `#clip=${number + 1}&t=${player.wanted.toFixed(2)}`);
}

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

listSongs();
element("video").addEventListener("play", () => player.song.pause());
const from = new URLSearchParams(location.hash.slice(1));
show(Math.min(Math.max(Number(from.get("clip")) || 1, 1), gallery.clips.length) - 1, Number(from.get("t")) || 0);

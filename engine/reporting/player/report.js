// The page: one dance in the player, and its picture, in which the time is shown and can be chosen.

const { clip, look, sound } = JSON.parse(element("data").textContent);
const player = new Player(look, look.hit), picture = element("plot"), now = element("now");
const [left, scale, length, row] = ["left", "scale", "length", "row"].map((name) => Number(picture.dataset[name]));

function mark() {
  requestAnimationFrame(mark);
  const seconds = player.now(), number = Math.floor(Math.min(seconds, clip.seconds - 0.001) / length);
  now.setAttribute("transform", `translate(${left + (seconds - number * length) * scale} ${number * row})`);
}

picture.addEventListener("click", (event) => {
  const box = picture.getBoundingClientRect(), zoom = picture.viewBox.baseVal.width / box.width;
  const x = (event.clientX - box.left) * zoom, y = (event.clientY - box.top) * zoom;
  player.seek(Math.floor(y / row) * length + Math.min(Math.max((x - left) / scale, 0), length));
});

player.show(decodeClip(clip, look.points), sound);
mark();

"use strict";
// One page: an image or the camera in, boxes out. Everything that is found above LEAST comes with one request; moving the
// threshold only draws anew.

const LEAST = 0.05, LONGEST_SIDE = 1280;
const at = (name) => document.getElementById(name);
const canvas = at("picture"), video = at("live"), drop = at("drop"), slider = at("threshold");
let picture = null, found = [], stream = null, turn = 0;

function say(text, wrong = false) {
  at("message").textContent = text;
  at("message").classList.toggle("wrong", wrong);
}

function headers() {
  const token = at("token").value.trim();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  } catch {
    throw new Error("the server does not answer");
  }
  if (answer.status === 401) at("secret").hidden = false;
  const content = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
  if (!answer.ok) throw new Error(content.error || `the server answers ${answer.status}`);
  return content;
}

async function askForModel() {
  try {
    const model = await ask("/model");
    at("model").textContent = model.description;
    slider.value = Math.max(LEAST, model.confidence);
    at("shown").textContent = Number(slider.value).toFixed(2);
    say("");
  } catch (error) {
    at("model").textContent = "";
    say(error.message, true);
  }
}

function colour(label) {
  return `hsl(${(7 + label * 222.5) % 360} 85% 42%)`;
}

function draw() {
  if (!picture) return;
  const above = found.filter((each) => each.score > Number(slider.value));
  const context = canvas.getContext("2d");
  canvas.width = picture.width;
  canvas.height = picture.height;
  context.drawImage(picture, 0, 0);
  const unit = Math.max(1, (canvas.width + canvas.height) / 800);
  context.lineWidth = 2 * unit;
  context.font = `${Math.max(12, 9 * unit)}px system-ui, sans-serif`;
  context.textBaseline = "top";
  for (const { box: [left, top, right, bottom], class: label, name, score } of [...above].reverse()) {
    context.strokeStyle = context.fillStyle = colour(label);
    context.strokeRect(left, top, right - left, bottom - top);
    const text = `${name} ${score.toFixed(2)}`, height = Math.max(12, 9 * unit) + 4;
    const width = context.measureText(text).width + 6, y = top >= height ? top - height : top;
    context.fillRect(left, y, width, height);
    context.fillStyle = "#fff";
    context.fillText(text, left + 3, y + 2);
  }
  canvas.hidden = false;
  at("hint").hidden = true;
  const rows = above.map(({ name, score, box }) => {
    const row = document.createElement("tr");
    for (const text of [name, score.toFixed(3), ...box.map((side) => side.toFixed(0))]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  at("boxes").tBodies[0].replaceChildren(...rows);
  at("boxes").hidden = rows.length === 0;
  say(above.length === 1 ? "1 box" : `${above.length || "no"} boxes`);
}

async function look(blob, type) {
  const answer = await ask(`/detect?confidence=${LEAST}`, { method: "POST", body: blob, headers: { "Content-Type": type } });
  return answer.detections;
}

async function show(file) {
  const own = ++turn;
  say("looking ...");
  try {
    const detections = await look(file, "application/octet-stream");
    const image = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
      throw new Error("this browser cannot show an image of this kind");
    });
    if (own !== turn) return;
    picture = image;
    found = detections;
    draw();
  } catch (error) {
    if (own === turn) say(error.message, true);
  }
}

function endCamera() {
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = null;
  at("camera").setAttribute("aria-pressed", "false");
  at("camera").textContent = "use the camera";
}

async function useCamera() {
  if (stream) return endCamera();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST_SIDE } } });
  } catch {
    return say("the camera cannot be used", true);
  }
  at("camera").setAttribute("aria-pressed", "true");
  at("camera").textContent = "stop the camera";
  video.srcObject = stream;
  await video.play();
  const own = ++turn;
  while (stream && own === turn) {
    try {
      const frame = await createImageBitmap(video);
      const sheet = document.createElement("canvas");
      sheet.width = frame.width;
      sheet.height = frame.height;
      sheet.getContext("2d").drawImage(frame, 0, 0);
      const blob = await new Promise((done) => sheet.toBlob(done, "image/jpeg", 0.9));
      const detections = await look(blob, "image/jpeg");
      if (!stream || own !== turn) break;
      picture = frame;
      found = detections;
      draw();
    } catch (error) {
      say(error.message, true);
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
  endCamera();
}

at("file").addEventListener("change", (event) => {
  endCamera();
  if (event.target.files.length) show(event.target.files[0]);
  event.target.value = "";
});
at("camera").addEventListener("click", useCamera);
slider.addEventListener("input", () => {
  at("shown").textContent = Number(slider.value).toFixed(2);
  draw();
});
at("token").addEventListener("change", askForModel);
at("secret").addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  endCamera();
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) show(event.clipboardData.files[0]);
});
askForModel();

/* The site works without this. With it, an upload shows how far it is, can be cancelled, and what
   is wrong with a file is told before it is sent. The server's answers are the same pages. */
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches(".upload")) return;
  event.preventDefault();
  const wrong = whatIsWrong(form);
  if (wrong) tell(form, wrong);
  else send(form);
});

document.addEventListener("change", (event) => {
  if (event.target.matches(".upload [type=file]")) {
    tell(event.target.form, whatIsWrong(event.target.form));
  }
});

function whatIsWrong(form) {
  const { files: [file], accept } = form.elements.picture;
  if (!file) return "";
  if (file.size > Number(form.dataset.maxBytes)) return form.dataset.tooLarge;
  // What a browser does not know has no type; then the server looks at the bytes.
  return !file.type || accept.split(",").includes(file.type) ? "" : form.dataset.notAPicture;
}

function send(form) {
  const request = new XMLHttpRequest(); // fetch() does not tell how much was sent
  const sending = form.querySelector(".sending");
  const cancel = sending.querySelector("button");
  const data = new FormData(form);

  request.open("POST", form.action);
  request.responseType = "document";
  request.upload.onprogress = ({ loaded, total }) => show(sending, Math.floor(100 * loaded / total));
  request.onload = () => {
    if (request.response?.querySelector("main")) replacePage(request);
    else stop(`The site could not take it (status ${request.status}).`);
  };
  request.onerror = () => stop("The connection broke. Look at the shelf before you try again.");
  request.onabort = () => stop("Cancelled. Nothing was stored.");
  cancel.onclick = () => request.abort();

  function stop(why) {
    form.classList.remove("busy");
    sending.hidden = true;
    tell(form, why);
  }

  tell(form, "");
  form.classList.add("busy");
  sending.hidden = false;
  show(sending, 0);
  cancel.focus(); // the other button goes away
  request.send(data);
}

function show(sending, percent) {
  sending.querySelector("progress").value = percent;
  // Heard, not only seen: told in quarters, so that nobody has to listen to a hundred numbers.
  const quarter = percent - percent % 25;
  const text = percent === 100 ? "Storing …" : `Sending: ${quarter} %`;
  const status = sending.querySelector("[role=status]");
  if (status.textContent !== text) status.textContent = text;
}

function tell(form, problem) {
  const { picture } = form.elements;
  form.querySelector(".problem").textContent = problem;
  if (problem) {
    picture.setAttribute("aria-invalid", "true");
    picture.focus();
  } else {
    picture.removeAttribute("aria-invalid");
  }
}

function replacePage({ response, responseURL }) {
  const next = response.querySelector("[autofocus]") ?? response.querySelector("main");
  next.removeAttribute("autofocus"); // that is for pages that are loaded
  history.replaceState(null, "", responseURL);
  document.title = response.title;
  document.body.replaceWith(document.adoptNode(response.body));
  next.focus();
}

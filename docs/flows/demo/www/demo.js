"use strict";
const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/\/[^/]*$/, "/socket"));
const state = document.getElementById("state");
const log = document.getElementById("log");
socket.onopen = () => { state.textContent = "connected"; };
socket.onclose = (event) => { state.textContent = `closed (${event.code})`; };
socket.onmessage = (event) => { log.textContent += `${event.data}\n`; };
document.getElementById("form").onsubmit = (event) => {
  event.preventDefault();
  const text = document.getElementById("text");
  socket.send(text.value);
  text.value = "";
};

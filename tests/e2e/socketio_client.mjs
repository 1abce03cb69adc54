// A chat widget reduced to its client: socket.io-client from npm, speaking to Rasa's socket.io channel as widgets do.
// Arguments: the server's URL, the transport, and lines to say. Prints what came back as one line of JSON.
import { io } from "socket.io-client";

const [url, transport, ...lines] = process.argv.slice(2);
const socket = io(url, { path: "/socket.io/", transports: [transport], reconnection: false });
const uttered = [];
let sessionId = null;
let said = 0;

function say() {
  if (said === lines.length) {
    socket.disconnect();
    console.log(JSON.stringify({ sessionId, uttered }));
    process.exit(0);
  }
  socket.emit("user_uttered", { message: lines[said++], customData: { language: "zh" }, session_id: sessionId });
}

socket.on("connect", () => socket.emit("session_request", { session_id: sessionId }));
socket.on("session_confirm", (confirmed) => {
  sessionId = confirmed;
  say();
});
socket.on("bot_uttered", (message) => {
  uttered.push(message);
  if (uttered.length === said) say();
});
socket.on("connect_error", (error) => {
  console.error(error.message);
  process.exit(1);
});
setTimeout(() => {
  console.error(`no answer; so far ${JSON.stringify(uttered)}`);
  process.exit(1);
}, 30_000);

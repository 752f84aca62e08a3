// Sends the requests of the script on stdin with @discordjs/rest, and prints what came of each as JSON.
import { DiscordAPIError, REST } from "@discordjs/rest";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { host, tokens, requests, at_once } = JSON.parse(input);

const clients = {};
for (const [who, [scheme, token]] of Object.entries(tokens)) {
  clients[who] = new REST({ api: `${host}/api`, authPrefix: scheme }).setToken(token);
}

async function play({ who, version, method, path, json }) {
  const request = { method, fullRoute: version ? `/${version}${path}` : path, versioned: false };
  if (json !== null) Object.assign(request, { body: json, reason: "Because ä" });
  try {
    if (path.endsWith("/events")) {
      const response = await clients[who].queueRequest(request);
      for await (const chunk of response.body) return { status: response.status, body: Buffer.from(chunk).toString() };
    }
    // It returns the bytes of an empty answer, whose type is not JSON.
    const body = await clients[who].request(request);
    return { status: null, body: body instanceof ArrayBuffer ? "" : body };
  } catch (error) {
    if (!(error instanceof DiscordAPIError)) throw error;
    return { status: error.status, code: error.code };
  }
}

let results = [];
if (at_once) results = await Promise.all(requests.map(play));
else for (const request of requests) results.push(await play(request));
process.stdout.write(JSON.stringify(results), () => process.exit(0));

// Sends one event with PagerDuty's own JavaScript client to a daemon, and prints what the client made of the answer.
// node pagerduty.js FOLDER PORT '{"type": "event" or "change", "data": {...}}'; FOLDER has its node_modules.
//
// The client speaks https only, to a server it is told, and hands an agent through to the request: this one's
// connections are plain ones. Nothing of the client is replaced.
'use strict';
const https = require('https');
const net = require('net');
const path = require('path');
const [folder, port, text] = process.argv.slice(2);
const client = require(path.join(folder, 'node_modules', '@pagerduty', 'pdjs'));
const agent = new https.Agent();
agent.createConnection = () => net.connect(Number(port), '127.0.0.1');
client
  .event({server: `127.0.0.1:${port}`, agent, ...JSON.parse(text)})
  .then((answer) => console.log(JSON.stringify({status: answer.response.status, body: answer.data})))
  .then(() => process.exit(0))
  .catch((error) => {
    console.log(JSON.stringify({error: String(error)}));
    process.exit(1);
  });

//_: Sends and fetches files over FTP with TLS: Node 18 or newer with basic-ftp 5 or newer ("npm install basic-ftp" in the
//_: pack's folder). From the pack's folder:
//
//     node clients/programs/ftps.mjs put report.csv ...
//     node clients/programs/ftps.mjs get report.csv ...
//     node clients/programs/ftps.mjs list
//
//_: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.

import { once } from "node:events";
import { createReadStream, readFileSync, renameSync, statSync } from "node:fs";
import { basename } from "node:path";
import { Readable, Writable } from "node:stream";
import { createInterface } from "node:readline";
import { Client } from "basic-ftp";

const env = process.env;
const HOST = env.FTPS_HOST ?? "@HOST@";
const IMPLICIT = env.FTPS_IMPLICIT === "1";
const PORT = Number(env.FTPS_PORT ?? (IMPLICIT ? "@IMPLICIT@" : "@PORT@"));
const ACCOUNT = env.FTPS_ACCOUNT ?? "@ACCOUNT@";
//_: Empty: the CAs that Node trusts
const CA_FILE = "@CA_FILE@";

//_: basic-ftp does not wait for a resumed TLS session: an empty file would end its connection before TLS began
async function* content(ftp, path) {
  const connection = ftp.ftp.dataSocket;
  if (connection.secureConnecting) await once(connection, "secureConnect");
  yield* createReadStream(path);
}

async function put(ftp, path) {
  //_: Under another name until it is complete: a broken upload replaces nothing
  const name = basename(path);
  await ftp.uploadFrom(Readable.from(content(ftp, path)), `${name}.part`);
  same(statSync(path).size, await ftp.size(`${name}.part`));
  await ftp.rename(`${name}.part`, name);
}

async function get(ftp, name) {
  const path = basename(name);
  const there = await ftp.size(name);
  await ftp.downloadTo(`${path}.part`, name);
  same(there, statSync(`${path}.part`).size);
  renameSync(`${path}.part`, path);
}

function same(sent, arrived) {
  if (sent !== arrived) throw new Error(`${arrived} bytes of ${sent} arrived`);
}

function ask(question) {
  process.stderr.write(question);
  const silent = new Writable({ write: (chunk, encoding, done) => done() });
  const input = createInterface({ input: process.stdin, output: silent, terminal: process.stdin.isTTY });
  return new Promise((resolve) => input.question("", (answer) => {
    input.close();
    process.stderr.write("\n");
    resolve(answer);
  }));
}

const [command, ...files] = process.argv.slice(2);
if (!["put", "get", "list"].includes(command) || (command === "list") !== (files.length === 0)) {
  console.error("usage: ftps.mjs put FILE... | get NAME... | list");
  process.exit(2);
}
const password = env.FTPS_PASSWORD ?? (await ask(`Password of ${ACCOUNT}: `));
const ftp = new Client(60_000);
let at = HOST;
try {
  await ftp.access({
    host: HOST,
    port: PORT,
    user: ACCOUNT,
    password,
    secure: IMPLICIT ? "implicit" : true,
    secureOptions: { ca: CA_FILE ? readFileSync(CA_FILE) : undefined, host: HOST, servername: HOST, minVersion: "TLSv1.2" },
  });
  if (command === "list") {
    for (const entry of await ftp.list()) console.log(entry.name);
  }
  for (at of files) {
    await (command === "put" ? put(ftp, at) : get(ftp, at));
    console.log(command === "put" ? "sent" : "fetched", at);
  }
} catch (error) {
  console.error(`${at}: ${error.message}`);
  process.exitCode = 1;
} finally {
  ftp.close();
}

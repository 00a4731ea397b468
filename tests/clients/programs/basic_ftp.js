// basic-ftp, as in its manual; BASIC_FTP names which of its versions
const fs = require("fs")
const ftp = require(process.env.BASIC_FTP)
const [action, ...names] = process.argv.slice(2)
const env = process.env

async function main() {
    if (action === "version") {
        const version = require(`${process.env.BASIC_FTP}/package.json`).version
        console.log(`basic-ftp ${version}, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`)
        return
    }
    const client = new ftp.Client(20000)
    try {
        await client.access({
            host: env.FTPS_HOST,
            port: Number(env.FTPS_PORT),
            user: env.FTPS_ACCOUNT,
            password: env.FTPS_PASSWORD,
            secure: env.FTPS_IMPLICIT === "1" ? "implicit" : true,
            secureOptions: { ca: fs.readFileSync(env.FTPS_CA) },
        })
        if (action === "list") (await client.list()).forEach(entry => console.log(entry.name))
        for (const name of names) {
            if (action === "put") await client.uploadFrom(name, name)
            if (action === "get") await client.downloadTo(name, name)
            if (action === "resume-put") await client.appendFrom(name, name, { localStart: await client.size(name) })
            if (action === "resume-get") await client.downloadTo(name, name, fs.statSync(name).size)
        }
    } finally {
        client.close()
    }
}

main().catch(error => { console.error(String(error)); process.exit(1) })

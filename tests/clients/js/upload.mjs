// Runs one scenario of the released JavaScript client and prints what happened as one line of JSON.
//
//   node upload.mjs '{"scenario": "plain", "endpoint": "...", "source": "...", "options": {...}}'

import { createReadStream, readFileSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import * as tus from 'tus-js-client'

const input = JSON.parse(process.argv[2])
const size = statSync(input.source).size
const requests = []

function optionsFor(settled, more = {}) {
  return {
    endpoint: input.endpoint,
    retryDelays: null,
    storeFingerprintForResuming: false,
    ...input.options,
    ...more,
    onAfterResponse(request, response) {
      requests.push([request.getMethod(), response.getStatus(), request.getURL()])
    },
    onError: settled.reject,
    onSuccess: settled.resolve,
  }
}

// Start an upload; the promise settles when it has ended. `during` may act on it while it runs.
function run(body, more = {}, during = () => {}) {
  let upload
  const ended = new Promise((resolve, reject) => {
    upload = new tus.Upload(body, optionsFor({ resolve, reject }, more))
  })
  during(upload)
  upload.start()
  return ended.then(() => upload)
}

// Upload until at least `bytes` are acknowledged, then abort as a user does who closes the page.
function runUntil(bytes, body, more = {}) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(
      body,
      optionsFor(
        { resolve: () => reject(new Error('finished before the abort')), reject },
        {
          ...more,
          onChunkComplete(_chunk, accepted) {
            if (accepted >= bytes) upload.abort().then(() => resolve(upload), reject)
          },
        },
      ),
    )
    upload.start()
  })
}

// The source in uneven pieces, as something recorded live would come.
function live(piece) {
  const data = readFileSync(input.source)
  function* pieces() {
    for (let at = 0; at < data.length; at += piece) yield data.subarray(at, at + piece)
  }
  return Readable.from(pieces(), { objectMode: false })
}

// A source that knows its end only when it is asked for more, as a browser's stream does. A stream of
// Node will not do: this client waits forever if one ends on a chunk's border.
const late = {
  async openFile() {
    const data = readFileSync(input.source)
    return {
      size: null,
      close() {},
      async slice(start, end) {
        const value = data.subarray(start, end)
        value.size = value.length
        return value.length > 0 ? { value, done: false } : { value: null, done: true }
      },
    }
  },
}

const scenarios = {
  plain: () => run(readFileSync(input.source)),
  file: () => run(createReadStream(input.source)),
  live: () => run(live(input.piece)),
  late: () => run(input.source, { fileReader: late }),
  parallel: () => run(createReadStream(input.source)),

  async resumeByUrl() {
    const body = readFileSync(input.source)
    const first = await runUntil(size / 2, body)
    return run(body, { uploadUrl: first.url })
  },

  async resumeFromStorage() {
    const storage = { urlStorage: new tus.FileUrlStorage(input.storage), storeFingerprintForResuming: true }
    const first = await runUntil(size / 2, createReadStream(input.source), storage)
    const again = new Promise((resolve, reject) => {
      const upload = new tus.Upload(
        createReadStream(input.source),
        optionsFor({ resolve: () => resolve(upload), reject }, storage),
      )
      upload.findPreviousUploads().then((previous) => {
        if (previous.length !== 1) reject(new Error(`${previous.length} previous uploads`))
        upload.resumeFromPreviousUpload(previous[0])
        upload.start()
      }, reject)
    })
    const second = await again
    if (second.url !== first.url) throw new Error('a new upload was started')
    return second
  },

  async terminate() {
    const upload = await runUntil(size / 2, readFileSync(input.source))
    await upload.abort(true)
    return upload
  },

  // Says how far it is, so that the test can kill the server at the right moment.
  retry: () =>
    run(readFileSync(input.source), {
      retryDelays: [100, 200, 400, 800, 1000, 1000, 1000, 2000, 2000],
      onChunkComplete(_chunk, accepted) {
        console.error(`accepted ${accepted}`)
      },
    }),
}

try {
  const upload = await scenarios[input.scenario]()
  console.log(JSON.stringify({ url: upload.url, requests }))
} catch (error) {
  console.log(JSON.stringify({ error: String(error), requests }))
  process.exitCode = 1
}

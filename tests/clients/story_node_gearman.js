// npm's `node-gearman` on a job server: what each step of the story came to, a line per step.
// Arguments: two ports. A client knows one server, and can neither ask for the status of a job
// nor hear of progress, warnings and exceptions. One that submits a background job takes its
// handle for that of the next foreground job, and puts a NUL behind its payload.
'use strict'

const net = require('net')
const Gearman = require('node-gearman')
const ports = process.argv.slice(2).map(Number)

const connect = port => new Gearman('127.0.0.1', port)
// What a job gave: its pieces, and whether it failed.
const outcome = job => new Promise(resolve => {
  const pieces = []
  job.on('data', piece => pieces.push(piece))
  job.on('end', () => resolve({ data: Buffer.concat(pieces), failed: false }))
  job.on('error', () => resolve({ data: Buffer.concat(pieces), failed: true }))
})
const work = (port, functions) => {
  const worker = connect(port)
  Object.keys(functions).forEach(name => worker.registerWorker(name, functions[name]))
  worker.on('error', () => {})
  return worker
}

// The server's list of functions, which the package cannot ask for.
const status = port => new Promise(resolve => {
  let list = ''
  const connection = net.connect(port, '127.0.0.1', () => connection.write('status\n'))
  connection.on('data', piece => {
    list += piece
    if (list.endsWith('.\n')) {
      connection.end()
      resolve(list)
    }
  })
})

// Every byte value, in a size that no buffer has.
const bytes = Buffer.alloc(10 * 1024 * 1024, Buffer.from([...Array(256).keys()].map(n => n * 7 & 255)))

async function main() {
  work(ports[0], {
    reverse: (payload, job) => job.end(payload.toString().split('').reverse().join('')),
    bytes: (payload, job) => job.end(payload),
    empty: (payload, job) => job.end(),
    fail: (payload, job) => job.error(),
    report: (payload, job) => {
      job.write('part one, ')
      job.end('the end')
    }
  })
  const client = connect(ports[0])
  const run = (name, payload, options) => outcome(client.submitJob(name, payload, null, options))

  console.log('foreground:', (await run('reverse', 'hello')).data.toString())
  console.log('empty:', JSON.stringify((await run('empty', 'x')).data.toString()))
  const large = (await run('bytes', bytes)).data
  console.log('large:', large.length, large.equals(bytes) ? 'the same' : 'others')
  console.log('failure:', (await run('fail', 'x')).failed)
  console.log('reports:', (await run('report', 'x')).data.toString())
  const many = await Promise.all([...Array(20).keys()].map(n => run('reverse', `job ${n + 1}`)))
  const results = many.map(one => one.data.toString()).sort()
  console.log('many at once:', results.length, results[0])

  const background = connect(ports[0])
  for (const priority of ['low', 'normal', 'high', 'low', 'normal', 'high']) {
    background.submitJob('order', priority, null, { background: true, priority })
  }
  while (!(await status(ports[0])).includes('order\t6\t')) {}
  const seen = []
  await new Promise(resolve => work(ports[0], {
    order: (payload, job) => {
      seen.push(payload.toString().replace('\0', ''))
      job.end()
      if (seen.length === 6) resolve()
    }
  }))
  console.log('order:', seen.join(' '))

  let lost
  const begun = new Promise(resolve => { lost = work(ports[0], { lost: resolve }) })
  const again = run('lost', 'x')
  await begun
  lost.close()
  work(ports[0], { lost: (payload, job) => job.end('by another worker') })
  console.log('lost worker:', (await again).data.toString())

  for (const port of ports) {
    work(port, { both: (payload, job) => job.end('from both') })
    console.log('two servers:', (await outcome(connect(port).submitJob('both', 'x'))).data.toString())
  }
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})

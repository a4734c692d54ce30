// npm's `gearman` on a job server: what each step of the story came to, a line per
// step. Arguments: two ports. The package speaks the protocol packet by packet,
// over one connection to one server; being on two servers is two connections here.
'use strict'

const gearman = require('gearman')
const ports = process.argv.slice(2).map(Number)

const connect = port => new Promise(resolve => {
  const peer = gearman('127.0.0.1', port)
  peer.connect(() => resolve(peer))
})
const once = (peer, event) => new Promise(resolve => {
  const hear = value => {
    peer.removeEventListener(event, hear)
    resolve(value)
  }
  peer.on(event, hear)
})

// What a function returns that has closed its worker's connection.
const GONE = Symbol('gone')

// A worker: a function gets the job and says how it ends by calling the peer.
async function work(port, functions) {
  const peer = await connect(port)
  peer.on('JOB_ASSIGN', async job => {
    if (await functions[job.func_name](peer, job) !== GONE) peer.preSleep()
  })
  peer.on('NOOP', () => peer.grabJob())
  Object.keys(functions).forEach(name => peer.addFunction(name))
  peer.preSleep()
  return peer
}

// Every byte value, in a size that no buffer has.
const bytes = Buffer.alloc(10 * 1024 * 1024, Buffer.from([...Array(256).keys()].map(n => n * 7 & 255)))

async function main() {
  const seen = []
  let go
  const worker = await work(ports[0], {
    reverse: (peer, job) => peer.sendWorkComplete(job.handle, job.payload.toString().split('').reverse().join('')),
    bytes: (peer, job) => peer.sendWorkComplete(job.handle, job.payload),
    fail: (peer, job) => peer.sendWorkFail(job.handle),
    boo: (peer, job) => peer.sendWorkException(job.handle, 'boo'),
    report: (peer, job) => {
      peer.sendWorkData(job.handle, 'part one')
      peer.sendWorkWarning(job.handle, 'careful')
      peer.sendWorkComplete(job.handle, 'the end')
    },
    wait: async (peer, job) => {
      peer.sendWorkStatus(job.handle, '3', '7')
      await new Promise(resolve => { go = resolve })
      peer.sendWorkComplete(job.handle, 'done')
    }
  })
  const client = await connect(ports[0])
  const result = async (event, name, payload, options) => {
    const heard = once(client, event)
    client.submitJob(name, payload, options)
    return heard
  }

  console.log('foreground:', (await result('WORK_COMPLETE', 'reverse', 'hello')).payload.toString())
  const large = (await result('WORK_COMPLETE', 'bytes', bytes)).payload
  console.log('large:', large.length, large.equals(bytes) ? 'the same' : 'others')
  await result('WORK_FAIL', 'fail', 'x')
  console.log('failure: came')
  await result('WORK_FAIL', 'boo', 'x')
  console.log('exception that was not asked for: a failure')
  const accepted = once(client, 'OPTION_RES')
  client.setOption('exceptions')
  await accepted
  console.log('exception:', (await result('WORK_EXCEPTION', 'boo', 'x')).exception)
  const reports = ['WORK_DATA', 'WORK_WARNING', 'WORK_COMPLETE'].map(event => once(client, event))
  client.submitJob('report', 'x')
  console.log('reports:', (await Promise.all(reports)).map(job => (job.warning || job.payload).toString()).join(', '))

  const handle = await result('JOB_CREATED', 'wait', 'x', { background: true })
  const ask = async () => {
    const answer = once(client, 'STATUS_RES')
    client.getJobStatus(handle)
    return answer
  }
  let status
  do { status = await ask() } while (!go || status.percent_done_num === '0')
  console.log('status: known', Number(status.known), 'running', Number(status.running),
    // Of the last field the package gives the code of the first character.
    `progress ${status.percent_done_num}/${String.fromCharCode(status.percent_done_den)}`)
  go()
  do { status = await ask() } while (Number(status.known))
  console.log('status at the end: known', Number(status.known))

  for (const priority of ['low', 'normal', 'high', 'low', 'normal', 'high']) {
    await result('JOB_CREATED', 'order', priority, { background: true, priority })
  }
  const ordered = new Promise(resolve => work(ports[0], {
    order: (peer, job) => {
      seen.push(job.payload.toString())
      peer.sendWorkComplete(job.handle, '')
      if (seen.length === 6) resolve()
    }
  }))
  await ordered
  console.log('order:', seen.join(' '))

  const lost = new Promise(resolve => work(ports[0], {
    lost: peer => {
      peer.close()
      resolve()
      return GONE
    }
  }))
  const again = once(client, 'WORK_COMPLETE')
  client.submitJob('lost', 'x')
  await lost
  await work(ports[0], { lost: (peer, job) => peer.sendWorkComplete(job.handle, 'by another worker') })
  console.log('lost worker:', (await again).payload.toString())

  for (const port of ports) {
    await work(port, { both: (peer, job) => peer.sendWorkComplete(job.handle, 'from both') })
    const there = await connect(port)
    const answer = once(there, 'WORK_COMPLETE')
    there.submitJob('both', 'x')
    console.log('two servers:', (await answer).payload.toString())
  }

  client.adminStatus(functions => {
    const { total, running, available_workers: workers } = functions.reverse
    console.log(`admin: reverse ${total} queued ${running} running ${workers} workers`)
    process.exit(0)
  })
  worker.on('close', () => process.exit(1))
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})

// npm's `gearmanode` on two job servers: what each step of the story came to, a
// line per step. Arguments: two ports.
'use strict'

const gearmanode = require('gearmanode')
const net = require('net')
const servers = process.argv.slice(2).map(port => ({ host: '127.0.0.1', port: Number(port) }))

const once = (emitter, event) => new Promise(resolve => emitter.once(event, resolve))
const work = (list, functions) => {
  const worker = gearmanode.worker({ servers: list })
  Object.keys(functions).forEach(name => worker.addFunction(name, functions[name]))
  return worker
}

// The package sends a result as text: of bytes it makes UTF-8.
const bytes = Buffer.alloc(10 * 1024 * 1024, 'every letter from a to z, and more')

async function main() {
  let go
  work(servers.slice(0, 1), {
    reverse: job => job.workComplete(job.payload.toString().split('').reverse().join('')),
    bytes: job => job.workComplete(job.payload),
    fail: job => job.reportError(),
    boo: job => job.reportException('boo'),
    report: job => {
      job.sendWorkData('part one')
      job.reportWarning('careful')
      job.workComplete('the end')
    },
    wait: job => {
      job.reportStatus(3, 7)
      go = () => job.workComplete('done')
    }
  })
  const client = gearmanode.client({ servers: servers.slice(0, 1) })

  let job = client.submitJob('reverse', 'hello')
  await once(job, 'complete')
  console.log('foreground:', job.response.toString())
  job = client.submitJob('bytes', bytes)
  await once(job, 'complete')
  console.log('large:', job.response.length, job.response.equals(bytes) ? 'the same' : 'others')
  job = client.submitJob('fail', 'x')
  await once(job, 'failed')
  console.log('failure: came')
  const accepted = once(client.jobServers[0], 'option')
  client.jobServers[0].setOption('exceptions')
  await accepted
  job = client.submitJob('boo', 'x')
  console.log('exception:', String(await once(job, 'exception')))
  job = client.submitJob('report', 'x')
  const reports = [once(job, 'workData'), once(job, 'warning'), once(job, 'complete')]
  console.log('reports:', (await Promise.all(reports)).slice(0, 2).map(String).join(', '))

  job = client.submitJob('wait', 'x', { background: true })
  await once(job, 'created')
  let status
  const ask = async () => {
    const answer = once(job, 'status')
    job.getStatus()
    return answer
  }
  do { status = await ask() } while (Number(status.percent_done_den) === 0)
  console.log('status: known', Number(status.known), 'running', Number(status.running),
    `progress ${status.percent_done_num}/${status.percent_done_den}`)
  go()
  do { status = await ask() } while (Number(status.known))
  console.log('status at the end: known', Number(status.known))

  for (const priority of ['LOW', 'NORMAL', 'HIGH', 'LOW', 'NORMAL', 'HIGH']) {
    await once(client.submitJob('order', priority.toLowerCase(), { background: true, priority }), 'created')
  }
  const seen = []
  await new Promise(resolve => work(servers.slice(0, 1), {
    order: job => {
      seen.push(job.payload.toString())
      job.workComplete('')
      if (seen.length === 6) resolve()
    }
  }))
  console.log('order:', seen.join(' '))

  const lost = new Promise(resolve => {
    const worker = work(servers.slice(0, 1), {
      lost: () => {
        worker.close()
        resolve()
      }
    })
  })
  job = client.submitJob('lost', 'x')
  const again = once(job, 'complete')
  await lost
  work(servers.slice(0, 1), { lost: job => job.workComplete('by another worker') })
  await again
  console.log('lost worker:', job.response.toString())

  work(servers, { both: job => job.workComplete('from both') })
  for (const server of servers) {
    job = gearmanode.client({ servers: [server] }).submitJob('both', 'x')
    await once(job, 'complete')
    console.log('two servers:', job.response.toString())
  }
  const closed = net.createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address()
  await new Promise(resolve => closed.close(resolve))
  const both = gearmanode.client({ servers: [{ host: '127.0.0.1', port }, servers[1]] })
  both.on('socketError', () => {})
  both.on('error', () => {})
  job = both.submitJob('both', 'x')
  await once(job, 'complete')
  console.log('one server down:', job.response.toString())
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})

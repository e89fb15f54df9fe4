// `hawker-load` as the comparison calls it. Owns its command lines and which of its figures are
// taken; a figure that it did not give is an error.

import { run } from './process.mjs';

/** Connecting, warming up, draining and closing, on top of the seconds that are measured. */
const AROUND_S_MAX = 120;

export class Generator {
    constructor({ program, hawker, log }) {
        Object.assign(this, { program, hawker, log });
    }

    /** One room: `viewers` of it hear `rate` messages a second. */
    async fanOut(subject, { viewers, rate }, seconds) {
        const asked = ['--viewers', viewers, '--rate', rate, '--seconds', seconds];
        const said = await this.call('fan-out', [...asked, ...this.target(subject)], seconds);
        const sent = figure(said, 'deliveries') + figure(said, 'lost');
        return {
            cpu_us_per_delivery: figure(said, 'server_cpu_us_per_delivery'),
            cpu_us_per_write: figure(said, 'server_cpu_us_per_write'),
            p50_ms: figure(said, 'p50_ms'),
            p99_ms: figure(said, 'p99_ms'),
            lost_percent: (100 * figure(said, 'lost')) / sent,
        };
    }

    /** Viewers who are in the room and hear nothing. */
    async idle(subject, { viewers }, seconds) {
        const said = await this.call('idle', ['--viewers', viewers, ...this.target(subject)], seconds);
        return { kib_per_socket: figure(said, 'rss_kib_per_viewer') };
    }

    target(subject) {
        if (subject.ours) return ['--hawker', this.hawker, '--tick-ms', subject.tick_ms];
        const at = `127.0.0.1:${subject.port}`;
        const pids = subject.pids().flatMap((pid) => ['--pid', pid]);
        return ['--peer', subject.form, '--url', `ws://${at}${subject.path}`, '--publish-url', `http://${at}/publish`, ...pids];
    }

    async call(name, args, seconds) {
        const ms_max = (seconds + AROUND_S_MAX) * 1000;
        return JSON.parse(await run(this.program, [name, ...args.map(String), '--json'], { ms_max, log: this.log }));
    }
}

function figure(said, name) {
    const value = said[name];
    if (typeof value !== 'number') throw new Error(`hawker-load gave no ${name}: ${JSON.stringify(said)}`);
    return value;
}

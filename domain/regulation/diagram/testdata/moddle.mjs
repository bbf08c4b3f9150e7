// Reads every BPMN file of a folder with bpmn-moddle, complains of each warning, and of a file that
// does not hold what it should: a process with lanes, and a plane with shapes and edges.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BpmnModdle } from 'bpmn-moddle';

const dir = process.argv[2];
const moddle = new BpmnModdle();
let read = 0;
for (const file of readdirSync(dir)) {
  try {
    const { rootElement, warnings } = await moddle.fromXML(readFileSync(join(dir, file), 'utf8'), 'bpmn:Definitions');
    for (const warning of warnings) throw new Error(warning.message);
    const process = rootElement.rootElements.find((e) => e.$type === 'bpmn:Process');
    const plane = rootElement.diagrams[0].plane;
    const nodes = process.flowElements.filter((e) => e.$instanceOf('bpmn:FlowNode'));
    const inLanes = process.laneSets[0].lanes.flatMap((lane) => lane.flowNodeRef);
    if (nodes.length === 0 || nodes.length !== inLanes.length) throw new Error(`${nodes.length} nodes, ${inLanes.length} in lanes`);
    for (const node of nodes) {
      if (!plane.planeElement.some((e) => e.bpmnElement === node)) throw new Error(`${node.id} is not drawn`);
    }
    // What was understood can be written again.
    const { xml } = await moddle.toXML(rootElement);
    if (!xml.includes('BPMNPlane')) throw new Error('not written again');
    read++;
  } catch (error) {
    console.log(`${file}: ${error.message}`);
    process.exitCode = 1;
  }
}
console.log(`${read} read`);

// Signs forms with NCALayer, the program on the person's own machine that has their keys.
//
// <form data-ncalayer data-ncalayer-bytes="BASE64" data-ncalayer-field="NAME" data-ncalayer-purpose="signature|authentication">
// gets a button before everything else in it. The button has the bytes signed, detached, puts the CMS in base64
// into the field, and sends the form. Without this script, or without NCALayer, the form works as it is: the
// person fills the field, or chooses a file. The address of NCALayer and all words come from the script element.

const { NCALayerClient } = window;
const said = document.getElementById("ncalayer").dataset;
const patience = 10_000; // ms for NCALayer to answer that it is there

const purposes = {
  signature: { how: NCALayerClient.basicsCMSParamsDetached, key: NCALayerClient.basicsSignerSignAny },
  authentication: { how: NCALayerClient.basicsCMSParamsDetachedNoTSP, key: NCALayerClient.basicsSignerAuthAny },
};

for (const form of document.querySelectorAll("form[data-ncalayer]")) {
  offer(form);
}

function offer(form) {
  const box = document.createElement("div");
  box.className = "ncalayer";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = said.button;
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  status.setAttribute("aria-live", "polite");
  box.append(button, status);
  form.prepend(box);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled")) {
      return;
    }
    button.setAttribute("aria-disabled", "true"); // not disabled: it would lose the focus
    try {
      await sign(form, (word, more = "") => {
        status.dataset.word = word;
        status.textContent = said[word] + more;
      });
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}

async function sign(form, say) {
  const { ncalayerBytes, ncalayerField, ncalayerPurpose } = form.dataset;
  const { how, key } = purposes[ncalayerPurpose];
  say("connecting");
  const client = new NCALayerClient(said.address);
  try {
    try {
      await within(patience, client.connect());
    } catch {
      say("absent");
      return;
    }
    if (client.wsConnection.readyState !== WebSocket.OPEN) { // it went away after it had greeted
      say("absent");
      return;
    }
    say("waiting");
    const cms = await client.basicsSignCMS(NCALayerClient.basicsStorageAll, ncalayerBytes, how, key, document.documentElement.lang);
    form.elements[ncalayerField].value = cms.replace(/-----(BEGIN|END) CMS-----|\s/g, "");
    for (const file of form.querySelectorAll("input[type=file]")) {
      file.value = ""; // what was signed now is what is sent
    }
    say("sending");
    form.requestSubmit();
  } catch (problem) {
    if (problem.canceledByUser) {
      say("canceled");
    } else {
      say("failed", ` (${problem.message})`);
    }
  } finally {
    client.wsConnection?.close();
  }
}

function within(time, promise) {
  return Promise.race([promise, new Promise((_, reject) => { setTimeout(reject, time); })]);
}

package v1

// ServiceDetail is a service with all that its regulation prints beside the procedures. What the act
// does not have is absent.
type ServiceDetail struct {
	Service
	Automation    Text           `json:"automation" doc:"The printed degree of automation"`
	Systems       []System       `json:"systems" doc:"External systems that the procedures ask"`
	Units         []Text         `json:"units,omitempty" doc:"Structural-functional units that take part"`
	Conditions    []Text         `json:"conditions,omitempty" doc:"Technical conditions"`
	Phones        []string       `json:"phones,omitempty" doc:"For information, digits alone"`
	Viewing       []Text         `json:"viewing,omitempty" doc:"How the result is viewed"`
	Screens       []Screen       `json:"screens,omitempty"`
	Questionnaire *Questionnaire `json:"questionnaire,omitempty"`
	Legend        []LegendEntry  `json:"legend,omitempty" doc:"Of the printed diagrams"`
	Provisions    []Provision    `json:"provisions" doc:"Every item of the regulation that is no procedure, in order"`
	Discrepancies []Discrepancy  `json:"discrepancies" doc:"Of the service as a whole"`
}

// System is an external system that is asked.
type System struct {
	ID    string `json:"id"`
	Title Text   `json:"title"`
}

// Provision is an item of a regulation as printed.
type Provision struct {
	Number  string `json:"number,omitempty"`
	Topic   string `json:"topic"`
	Wording Text   `json:"wording"`
	Parts   []Part `json:"parts,omitempty"`
}

// Part is an item of a provision.
type Part struct {
	Number  string `json:"number,omitempty"`
	Wording Text   `json:"wording"`
}

// Screen is a printed screen form.
type Screen struct {
	Title  Text   `json:"title"`
	Fields []Text `json:"fields" doc:"null where the act has the screen as a picture that is lost"`
}

// Questionnaire asks how satisfied the applicant is.
type Questionnaire struct {
	Title     Text       `json:"title"`
	Questions []Question `json:"questions"`
}

// Question is one of its questions with the answers to choose from.
type Question struct {
	Wording Text   `json:"wording"`
	Answers []Text `json:"answers"`
}

// LegendEntry is one line of the legend.
type LegendEntry struct {
	Symbol  string `json:"symbol"`
	Wording Text   `json:"wording"`
}

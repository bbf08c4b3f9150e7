package regulation

// Topic is what a provision is about.
type Topic string

// The topics: of an act's own items, then of the items of a service's regulation in their usual order.
const (
	Basis       Topic = "basis"       // the preamble: by which law
	Approval    Topic = "approval"    // what the act approves
	Control     Topic = "control"     // who sees to it
	Publication Topic = "publication" // its registration and publication
	Force       Topic = "force"       // when it comes into force

	Provider       Topic = "provider"      // who gives the service, and where one asks for it
	Standards      Topic = "standard"      // the standard it rests on
	Automations    Topic = "automation"    // its degree of automation
	Interaction    Topic = "interaction"   // its kind, such as transactional
	Definitions    Topic = "terms"         // terms and abbreviations
	Filling        Topic = "filling"       // how the request is filled in
	Checking       Topic = "checking"      // how one learns where the request stands
	Viewing        Topic = "viewing"       // how the result is viewed
	Contacts       Topic = "contacts"      // where one asks
	Units          Topic = "units"         // structural-functional units (СФЕ) that take part
	Table          Topic = "table"         // refers to the step tables
	Diagrams       Topic = "diagrams"      // refers to the diagrams
	ScreenForms    Topic = "screens"       // refers to the screens
	Questionnaires Topic = "questionnaire" // refers to the questionnaire
	Requirements   Topic = "requirements"  // what the service has to ensure
	Conditions     Topic = "conditions"    // technical conditions
	Other          Topic = "other"
)

// topics are the known ones.
var topics = []Topic{
	Basis, Approval, Control, Publication, Force, Provider, Standards, Automations, Interaction, Definitions, Filling, Checking,
	Viewing, Contacts, Units, Table, Diagrams, ScreenForms, Questionnaires, Requirements, Conditions, Other,
}

// Provision is one item as printed.
type Provision struct {
	Number  string `json:"number" yaml:"number"` // as printed, without the mark behind it; "" where it has none
	Topic   Topic  `json:"topic" yaml:"topic"`
	Wording Text   `json:"wording" yaml:"wording"`
	// Parts are its own items.
	Parts []Part `json:"parts" yaml:"parts"`
}

// Part is an item of a provision.
type Part struct {
	Number  string `json:"number" yaml:"number"` // "" where it has none
	Wording Text   `json:"wording" yaml:"wording"`
}

// Parts are the items of the provisions about the topic, or their wordings where they have no items.
func (s *Service) Parts(topic Topic) []Text {
	var parts []Text
	for _, p := range s.Provisions {
		if p.Topic != topic {
			continue
		}
		if len(p.Parts) == 0 {
			parts = append(parts, p.Wording)
		}
		for _, part := range p.Parts {
			parts = append(parts, part.Wording)
		}
	}
	return parts
}

// ExternalSystem is a system outside that is asked: a state database, a gateway.
type ExternalSystem struct {
	ID    string `json:"id" yaml:"id"` // a token, the same in all acts
	Title Text   `json:"title" yaml:"title"`
}

// Symbol is a sign of the printed diagrams.
type Symbol string

// The signs of the acts' legend, in its order.
const (
	StartMessage        Symbol = "start-message"
	EndMessage          Symbol = "end-message"
	IntermediateMessage Symbol = "intermediate-message"
	EndEvent            Symbol = "end-event"
	ErrorEvent          Symbol = "error"
	TimerEvent          Symbol = "timer"
	InformationSystem   Symbol = "information-system"
	ProcessSign         Symbol = "process"
	ConditionSign       Symbol = "condition"
	MessageFlow         Symbol = "message-flow"
	ControlFlow         Symbol = "control-flow"
	ElectronicDocument  Symbol = "electronic-document"
)

var symbols = []Symbol{
	StartMessage, EndMessage, IntermediateMessage, EndEvent, ErrorEvent, TimerEvent,
	InformationSystem, ProcessSign, ConditionSign, MessageFlow, ControlFlow, ElectronicDocument,
}

// LegendEntry is one line of the printed legend: the sign itself is lost with the pictures, its meaning is not.
type LegendEntry struct {
	Symbol  Symbol `json:"symbol" yaml:"symbol"`
	Wording Text   `json:"wording" yaml:"wording"`
}

// Screen is a printed screen form.
type Screen struct {
	Title Text `json:"title" yaml:"title"`
	// Fields are the fields that the print shows, nil where the act has the screen as a picture that is
	// lost.
	Fields []Text `json:"fields" yaml:"fields"`
}

// Questionnaire is the printed form that asks how satisfied the applicant is.
type Questionnaire struct {
	Title     Text       `json:"title" yaml:"title"`
	Questions []Question `json:"questions" yaml:"questions"`
}

// Question is one of its questions with the answers to choose from, in order.
type Question struct {
	Wording Text   `json:"wording" yaml:"wording"`
	Answers []Text `json:"answers" yaml:"answers"`
}

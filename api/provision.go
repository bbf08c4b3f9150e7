package api

import (
	"slices"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/regulation"
)

func wireServiceDetail(s *regulation.Service) v1.ServiceDetail {
	out := v1.ServiceDetail{
		Service: wireService(s), Automation: v1.Text(s.Automation), Systems: []v1.System{}, Units: texts(s.Parts(regulation.Units)),
		Conditions: texts(s.Parts(regulation.Conditions)), Phones: s.Phones, Viewing: texts(s.Parts(regulation.Viewing)),
		Provisions: []v1.Provision{}, Discrepancies: wireDiscrepancies(s.Act, s.Discrepancies),
	}
	for _, system := range s.Systems {
		out.Systems = append(out.Systems, v1.System{ID: system.ID, Title: v1.Text(system.Title)})
	}
	for _, p := range s.Provisions {
		out.Provisions = append(out.Provisions, wireProvision(p))
	}
	for _, screen := range s.Screens {
		out.Screens = append(out.Screens, v1.Screen{Title: v1.Text(screen.Title), Fields: texts(screen.Fields)})
	}
	for _, entry := range s.Legend {
		out.Legend = append(out.Legend, v1.LegendEntry{Symbol: string(entry.Symbol), Wording: v1.Text(entry.Wording)})
	}
	if q := s.Questionnaire; q != nil {
		out.Questionnaire = &v1.Questionnaire{Title: v1.Text(q.Title)}
		for _, question := range q.Questions {
			out.Questionnaire.Questions = append(out.Questionnaire.Questions, v1.Question{Wording: v1.Text(question.Wording), Answers: texts(question.Answers)})
		}
	}
	return out
}

func wireProvision(p regulation.Provision) v1.Provision {
	out := v1.Provision{Number: p.Number, Topic: string(p.Topic), Wording: v1.Text(p.Wording)}
	for _, part := range p.Parts {
		out.Parts = append(out.Parts, v1.Part{Number: part.Number, Wording: v1.Text(part.Wording)})
	}
	return out
}

// wireDiscrepancies are those of the act that are named, in the act's order.
func wireDiscrepancies(a *regulation.Act, named []string) []v1.Discrepancy {
	out := []v1.Discrepancy{}
	for _, d := range a.Discrepancies {
		if slices.Contains(named, d.ID) {
			out = append(out, v1.Discrepancy{
				ID: d.ID, Cells: tokens(d.Cells), Place: v1.Text(d.Place), Printed: v1.Text(d.Printed),
				Against: v1.Text(d.Against), Effect: v1.Text(d.Effect), Reason: v1.Text(d.Reason),
			})
		}
	}
	return out
}

// texts keep nil apart from empty: what a lost picture had from a screen without fields.
func texts(list []regulation.Text) []v1.Text {
	if list == nil {
		return nil
	}
	out := make([]v1.Text, len(list))
	for i, t := range list {
		out[i] = v1.Text(t)
	}
	return out
}
